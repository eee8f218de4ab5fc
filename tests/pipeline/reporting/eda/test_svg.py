"""Charts of the exploration as inline SVG."""

from pointsman.pipeline.reporting.eda.svg import tidy_svg


def test_numbers_in_a_charts_text_are_left_whole():
    svg = '<svg viewBox="0 0 9 9"><text x="1.23456" style="fill: #1c2733">0.00123</text></svg>'
    assert tidy_svg(svg, "name", "a 'label' & more") == (
        '<svg viewBox="0 0 9 9" role="img" aria-label="a &#x27;label&#x27; &amp; more">'
        '<text x="1.23" style="fill: var(--ink)">0.00123</text></svg>'
    )
