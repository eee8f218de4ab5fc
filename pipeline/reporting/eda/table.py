"""The table itself: skrub's interactive report of its columns, as a part of a page."""

import logging
import re
import warnings

import numpy as np
import pandas as pd

PRECISION = 6
MOST_COLUMNS = 60
"""With more columns, plots and associations would make a page that no browser likes."""


def render_table(table: pd.DataFrame) -> str:
    """Return the HTML of skrub's report on a typed table: sample, statistics, distributions and associations.

    It asks for nothing outside itself. The same table gives the same text.
    """
    import matplotlib
    from skrub import TableReport, config_context

    logging.getLogger("matplotlib.category").setLevel(logging.WARNING)  # levels that look like numbers are meant so
    few = table.shape[1] <= MOST_COLUMNS
    with (
        config_context(float_precision=PRECISION),
        matplotlib.rc_context({"svg.hashsalt": "switchyard"}),
        np.errstate(all="ignore"),  # numbers beyond any plot are no news: quality checks name them
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),
    ):
        report = TableReport(
            show_whole(table), n_rows=20, verbose=0, plot_distributions=few, compute_associations=few, open_tab="stats"
        )
        return _fix_names(report.html_snippet())


def show_whole(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with whole numbers as such: a year reads 2014 and not 2.01e+03.

    >>> show_whole(pd.DataFrame({"year": [2014.0, None], "share": [0.5, 1.0]})).dtypes.map(str).tolist()
    ['Int64', 'float64']
    """
    whole = {
        str(name): "Int64"
        for name in table.select_dtypes("float64")
        if table[name].notna().any() and table[name].abs().max() < 2**53 and (table[name].dropna() % 1 == 0).all()
    }
    return table.astype(whole)


def _fix_names(html: str) -> str:
    """Number the ids that are drawn anew with every report, and leave out when plots were drawn."""
    html = re.sub(r"<dc:date>.*?</dc:date>", "", html)
    drawn = dict.fromkeys(re.findall(r'\bid="([0-9a-f]{8})"', html))
    numbers = {name: f"part-{place}" for place, name in enumerate(drawn)}
    html = re.sub(r'="([0-9a-f]{8})"', lambda found: f'="{numbers.get(found[1], found[1])}"', html)
    return re.sub(r"\breport_[0-9a-f]{8}", "report_table", html)
