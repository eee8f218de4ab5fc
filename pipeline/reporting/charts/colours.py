"""Colours of charts: the page's own, by name, so that light, dark and paper colour a chart without drawing it again."""

INK, MUTED, LINE, CARD = "var(--ink)", "var(--muted)", "var(--line)", "var(--card)"
BLUE, VERMILLION, GREEN, PURPLE = "var(--blue)", "var(--vermillion)", "var(--green)", "var(--purple)"
AMBER, SKY, OLIVE, GREY = "var(--amber)", "var(--sky)", "var(--olive)", "var(--grey)"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, AMBER, SKY, OLIVE, GREY)
"""Distinguishable with every common colour blindness (after Okabe & Ito 2008), darkened for thin lines."""
