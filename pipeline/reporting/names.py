"""What metrics, families and ensembles are called on the page."""

METRIC_NAMES = {
    "log_loss": "log-loss",
    "brier": "Brier score",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "loss": "mean row loss",
}

FAMILY_NAMES = {
    "prior": "the prior",
    "linear": "a linear model",
    "knn": "nearest neighbours",
    "tree": "a decision tree",
    "extra_trees": "extremely randomised trees",
    "lightgbm": "gradient boosted trees",
}

PURPOSES = {
    "typical": "typical requests",
    "damaged": "damaged requests",
    "greedy": "each kind of row",
    "clean": "clean rows",
    "any": "any input",
    "sparse": "sparse rows",
    "anomalous": "anomalous rows",
    "recent": "what is recent",
}
"""What ensembles are made for, by their variants."""


def name_metric(name: str) -> str:
    """Return a metric's name in text.

    >>> name_metric("log_loss")
    'log-loss'
    """
    return METRIC_NAMES.get(name, name)


def name_family(family: str) -> str:
    """Return what a family's models are, or its own name.

    >>> name_family("knn"), name_family("newcomer")
    ('nearest neighbours', 'newcomer')
    """
    return FAMILY_NAMES.get(family, family)


def name_purpose(variant: str) -> str:
    """Return what an ensemble is made for.

    >>> name_purpose("typical")
    'typical requests'
    """
    return PURPOSES.get(variant, "any input")
