"""Why a row is kept out of training, in the words that are stored; an order rule has words of its own."""

TIME_UNREADABLE = "time unreadable"
TARGET_MISSING = "target missing"
TARGET_UNKNOWN = "target unknown"
REPEATED = "copy of an earlier row"

UNUSABLE = (TIME_UNREADABLE, TARGET_MISSING, TARGET_UNKNOWN)
"""Reasons that bar a row from being learned, whatever anyone decides: it has no time or no label."""
