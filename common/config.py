"""The configuration: every key, its default and its meaning, checked before anything runs.

A file states only what differs from these defaults; ``config.yaml`` shows them all, commented. It is one file since it
is one table: whoever looks for a key looks here, and its sections check each other.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pointsman.common.errors import ConfigError, first_line
from pointsman.common.redaction import learn_secrets, redact
from pointsman.common.strict_yaml import RESERVED, explain_misreading, read_yaml
from pointsman.common.text import shorten
from pointsman.common.time_format import find_fault

SECONDS = {"D": 86_400, "h": 3_600, "min": 60, "s": 1}
LARGEST = 2**31 - 1
"""The largest whole number that a key may have: every database and library has room for it."""
MOST_WORKERS = 1_024
MOST_DAYS = 36_525
"""A century."""
MESSAGES = {
    "tuple_type": "it must be a list, such as [a, b]",
    "model_type": "it must hold keys and values",
    "dict_type": "it must hold keys and values",
    "path_type": "it must be the path of a folder",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a finite number; write one, or remove the key to have its default",
    "bool_parsing": "it must be true or false",
    "int_parsing_size": "it is too large for a whole number",
}
"""What pydantic says in terms of Python, in plain words."""
FREE = ("features.date_parts", "quality.severity", "schema.numbers", "schema.dates")
"""Keys below which the user chooses the names."""


MISSING_VALUES = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""Texts that stand for 'missing' wherever they are; others are found by column, and reported."""


class Section(BaseModel):
    """A frozen group of keys; a key it does not know is refused, and so is true, false or infinity for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, stated: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(stated, bool) and kind in (int, float, int | None, float | None):
            raise ValueError("it must be a number")
        return stated

    @field_validator("*", mode="after")
    @classmethod
    def _has_room(cls, number: Any) -> Any:
        if isinstance(number, int) and abs(number) > LARGEST:
            raise ValueError(f"it must lie between -{LARGEST} and {LARGEST}")
        return number


class DemoConfig(Section):
    """The built-in simulator."""

    rows: int = Field(40_000, ge=100)
    seed: int = 2011


class SourceConfig(Section):
    """Where batches come from."""

    kind: Literal["demo", "files", "folder", "sql"] = "demo"
    paths: tuple[str, ...] = ()
    url: str | None = None
    query: str | None = None
    encoding: str | None = None
    sheet: str | int | None = None
    demo: DemoConfig = DemoConfig()

    @field_validator("paths", mode="before")
    @classmethod
    def _one_path_is_a_list(cls, paths: Any) -> Any:
        return (paths,) if isinstance(paths, str) else paths

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding_of_text(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError:
            raise ValueError("it must be an encoding of text that Python knows, such as cp1251 or utf-8") from None
        return encoding

    @field_validator("sheet", mode="before")
    @classmethod
    def _is_a_name_or_a_number_from_one(cls, sheet: Any) -> Any:
        if isinstance(sheet, bool) or (isinstance(sheet, int) and sheet < 1):
            raise ValueError("it must be the name of a sheet or its number, counted from 1")
        return sheet

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "SourceConfig":
        if self.kind in ("files", "folder") and not self.paths:
            raise ValueError(f"source.kind is {self.kind}, so source.paths must name at least one path")
        if self.kind == "sql" and not (self.url and self.query):
            raise ValueError("source.kind is sql, so source.url and source.query must both be set")
        return self


ARRIVAL = "(arrival)"
"""The time column of a table that has none: when each row came, by file and row."""


class NumberConfig(Section):
    """How numbers are written: the mark of decimals and that of thousands, '' for none."""

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""

    @model_validator(mode="after")
    def _marks_differ(self) -> "NumberConfig":
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both '{self.decimal}'; write the mark that each of them has")
        return self


class SchemaConfig(Section):
    """Roles of columns. Only time and target are compulsory; the rest is inferred from the first batch.

    ``numbers`` states how numbers are written, of all columns by its keys decimal and thousands, or by column;
    ``dates`` lists columns, or gives each its notation (null decides it on the cells).
    """

    time: str  # null in a file is ARRIVAL
    target: str
    time_format: str | None = None
    missing_target: float | str | None = None
    positive: float | str | None = None
    id: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numbers: dict[str, str | NumberConfig] = {}
    dates: tuple[str, ...] | dict[str, str | None] = ()
    drop: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = MISSING_VALUES

    @field_validator("time", mode="before")
    @classmethod
    def _may_be_the_order_of_arrival(cls, time: Any) -> Any:
        return ARRIVAL if time is None else time

    @property
    def is_timeless(self) -> bool:
        """Whether the stream has no time column, so that the order in which its rows arrive is its time."""
        return self.time == ARRIVAL

    @field_validator("dates", mode="before")
    @classmethod
    def _is_a_list_or_formats(cls, dates: Any) -> Any:
        if not isinstance(dates, dict | list | tuple):
            raise ValueError("write a list such as [BEGIN, END], or the notation of each such as {BIRTH: '%d/%m/%y'}")
        for name, notation in dates.items() if isinstance(dates, dict) else ():
            if isinstance(notation, str) and (fault := find_fault(notation)):
                raise ValueError(
                    f"'{notation}' of {name} is no notation of dates ({fault}); write one such as '%d/%m/%y'"
                )
        return dates

    @field_validator("numbers", mode="before")
    @classmethod
    def _has_marks_or_columns(cls, numbers: Any) -> Any:
        """The marks of all columns stand beside columns with marks of their own."""
        if not isinstance(numbers, dict):
            raise ValueError("write {decimal: ',', thousands: '.'}, or such marks by column")
        marks = {name: mark for name, mark in numbers.items() if not isinstance(mark, dict | NumberConfig)}
        if unknown := [name for name in marks if name not in NumberConfig.model_fields]:
            raise ValueError(f"'{unknown[0]}' is no mark; write decimal and thousands, for it alone below its name")
        NumberConfig.model_validate(marks)
        return numbers

    def find_number_marks(self, column: str) -> NumberConfig | None:
        """Return the marks stated for the numbers of a column, None where none are."""
        own = self.numbers.get(column)
        if isinstance(own, NumberConfig):
            return own
        marks = {name: mark for name, mark in self.numbers.items() if isinstance(mark, str)}
        return NumberConfig.model_validate(marks) if marks else None

    @property
    def date_formats(self) -> dict[str, str | None]:
        """The notation of every column that is declared a date, None where its cells decide."""
        return dict(self.dates) if isinstance(self.dates, dict) else dict.fromkeys(self.dates)

    @field_validator("*", mode="before")
    @classmethod
    def _is_written_as_text(cls, stated: Any, info: ValidationInfo) -> Any:
        """YAML takes the bare words yes and on for true, and 2024 for a number; names of columns are texts."""
        cells = stated if isinstance(stated, list | tuple) else [stated]
        truth = next((cell for cell in cells if isinstance(cell, bool)), None)
        if truth is not None:
            words = ("yes", "on", "true") if truth else ("no", "off", "false")
            raise ValueError(
                f"YAML takes the bare words {', '.join(words)} for {words[-1]}; "
                f"quote it: {info.field_name}: '{words[0]}'"
            )
        if info.field_name in ("positive", "missing_target"):
            return stated
        texts = [str(cell) if isinstance(cell, int | float) else cell for cell in cells]
        return texts if isinstance(stated, list | tuple) else texts[0]

    @field_validator("time_format")
    @classmethod
    def _is_a_notation(cls, notation: str | None) -> str | None:
        if notation is not None and (fault := find_fault(notation)):
            raise ValueError(f"it is no notation of dates ({fault}); write one such as '%d-%b-%y' for 08-AUG-13")
        return notation


class BatchConfig(Section):
    """How the stream is cut."""

    rows: int | None = Field(None, ge=1)
    period: Literal["day", "week", "month", "quarter", "year"] | None = None
    min_rows: int = Field(20, ge=1)

    @model_validator(mode="after")
    def _is_cut_one_way(self) -> "BatchConfig":
        if self.rows and self.period:
            raise ValueError("batch.rows and batch.period are both set; set one of them to null")
        return self


class RangeRule(Section):
    """A column's cells lie between ``min`` and ``max``, both included."""

    column: str
    min: float | None = None
    max: float | None = None


class AllowedRule(Section):
    """A column's cells are one of ``allowed``."""

    column: str
    allowed: tuple[bool | int | float | str, ...]


class OrderRule(Section):
    """Where both are known, ``later`` is not before (or below) ``earlier``."""

    earlier: str
    later: str


class PatternRule(Section):
    """A column's cells match ``pattern``, a regular expression, from their first character to their last."""

    column: str
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _is_a_regular_expression(cls, pattern: str) -> str:
        import re

        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"'{pattern}' is no regular expression ({error}); write one such as [A-Z]{{2}}[0-9]+"
            ) from None
        return pattern


class AssociationConfig(Section):
    """What becomes an association rule; ``most`` of them, none with 0."""

    most: int = Field(20, ge=0, le=200)
    min_support: float = Field(0.05, gt=0, le=1)
    min_confidence: float = Field(0.9, gt=0, le=1)
    min_lift: float = Field(1.2, ge=1)


SeverityName = Literal["off", "info", "warning", "quarantine", "error"]


class QualityConfig(Section):
    """Thresholds of the quality checks, and what is done about a breach.

    None stands for a bound learned from the stream's own past; until enough batches are known, a fixed one stands in.
    """

    min_completeness: float | None = Field(None, ge=0, le=1)
    min_validity: float | None = Field(None, ge=0, le=1)
    min_uniqueness: float | None = Field(None, ge=0, le=1)
    min_consistency: float | None = Field(None, ge=0, le=1)
    max_unseen: float | None = Field(None, ge=0, le=1)
    max_outliers: float | None = Field(None, ge=0, le=1)
    max_repeated: float | None = Field(None, ge=0, le=1)
    max_levels: int | None = Field(None, ge=1)
    max_volume_change: float | None = Field(None, gt=1)
    max_gap: float | None = Field(None, gt=0)
    max_leakage: float = Field(0.95, gt=0, le=1)
    confidence: float = Field(0.999, gt=0.5, lt=1)
    tolerance: float = Field(0.01, ge=0, le=1)
    reject_validity: float = Field(0.2, ge=0, le=1)
    max_quarantined: float = Field(0.5, ge=0, le=1)
    duplicates: Literal["keep", "quarantine"] = "keep"
    ranges: tuple[RangeRule, ...] = ()
    allowed: tuple[AllowedRule, ...] = ()
    patterns: tuple[PatternRule, ...] = ()
    orders: tuple[OrderRule, ...] = ()
    associations: AssociationConfig = AssociationConfig()
    severity: dict[str, SeverityName] = {}

    @field_validator("severity", mode="before")
    @classmethod
    def _reads_off(cls, severity: Any) -> Any:
        """YAML takes a bare off for false."""
        if not isinstance(severity, dict):
            return severity
        return {code: "off" if named is False else named for code, named in severity.items()}


class DriftConfig(Section):
    """When a batch counts as drifted."""

    false_alarms: float = Field(0.01, gt=0, lt=0.5)


Action = Literal["warn", "search", "shorten", "retire", "revive"]


class ResponseConfig(Section):
    """What an alarm sets off, and when models learn at all."""

    data: tuple[Action, ...] = ("warn", "search")
    concept: tuple[Action, ...] = ("warn", "search", "shorten", "revive")
    retrain: Literal["always", "never", "every", "drift", "loss"] = "always"
    every: int = Field(3, ge=1)
    worse_by: float = Field(0.05, gt=0)


class Ratio(Section):
    """``numerator`` divided by ``denominator``; missing where the denominator is 0 or the quotient no finite number."""

    numerator: str
    denominator: str


class Difference(Section):
    """``minuend`` less ``subtrahend``."""

    minuend: str
    subtrahend: str


class Duration(Section):
    """Days from ``start`` to ``end``."""

    start: str
    end: str


DatePart = Literal["year", "month", "day", "weekday", "hour"]


class FeaturesConfig(Section):
    """Engineered features.

    'auto' date parts are month, weekday and hour of the time column, each learned once history covers it twice.
    """

    date_parts: dict[str, tuple[DatePart, ...]] | Literal["auto"] = "auto"
    durations: tuple[Duration, ...] | Literal["auto"] = "auto"
    ratios: tuple[Ratio, ...] = ()
    differences: tuple[Difference, ...] = ()

    @field_validator("durations", mode="before")
    @classmethod
    def _is_auto_or_a_list(cls, durations: Any) -> Any:
        if durations != "auto" and not isinstance(durations, list | tuple):
            raise ValueError("write auto, or a list such as [{start: HIRED, end: LEFT}]")
        return durations


class CostsConfig(Section):
    """What a wrong binary answer costs, in any unit; right answers cost nothing."""

    false_positive: float = Field(1.0, ge=0)
    false_negative: float = Field(1.0, ge=0)


Validation = Literal["time_ordered", "foremost", "holdout", "kfold"]


AUTO_ROWS = "auto"
"""A limit of rows that stands for as many as a budget allows."""
SomeRows = Annotated[int, Field(ge=50)] | Literal["auto"]


class LimitedSection(Section):
    """A group of keys with a limit of rows."""

    @field_validator("max_rows", mode="before", check_fields=False)
    @classmethod
    def _is_auto_or_a_number(cls, stated: Any) -> Any:
        text = str(stated).strip()
        if isinstance(stated, bool) or (text != AUTO_ROWS and not text.removesuffix(".0").isdigit()):
            raise ValueError("write auto, or a whole number from 50 on")
        return stated


class TrainingConfig(LimitedSection):
    """The rows that models learn from, and those that a search judges them on.

    They are at most ``max_rows``, or with auto as many as take ``max_mb`` MB.
    """

    window_batches: int = Field(24, ge=1)
    max_rows: SomeRows = "auto"
    max_mb: float = Field(64.0, gt=0)
    validation: Validation = "time_ordered"
    folds: int = Field(3, ge=1, le=10)
    gap: str = "auto"
    decision: Literal["f1", "accuracy", "cost"] = "f1"
    costs: CostsConfig = CostsConfig()
    threads: int = Field(1, ge=1, le=MOST_WORKERS)

    @field_validator("gap", mode="before")
    @classmethod
    def _is_a_duration(cls, gap: Any) -> Any:
        import re

        if gap == "auto":
            return gap
        parts = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(D|h|min|s)", str(gap))
        if not parts:
            raise ValueError(f"'{gap}' is no duration; write a number and D, h, min or s, such as 30D, or auto")
        if float(parts[1]) * SECONDS[parts[2]] > MOST_DAYS * SECONDS["D"]:
            raise ValueError(f"it must be {MOST_DAYS}D, a century, at most")
        return gap

    @model_validator(mode="after")
    def _has_a_fold_to_learn_from(self) -> "TrainingConfig":
        if self.validation == "kfold" and self.folds < 2:
            raise ValueError(
                "training.validation is kfold, so training.folds must be 2 or more: one fold learns nothing"
            )
        return self


class UpdateConfig(Section):
    """How long an update may take, in seconds; None is no limit."""

    seconds: float | None = Field(None, gt=0)


class SearchConfig(LimitedSection):
    """The search over variants, families, windows and parameters."""

    trials: int = Field(10, ge=1)
    calm_share: float = Field(0.3, gt=0, le=1)
    seconds: float | None = Field(None, gt=0)
    max_rows: SomeRows = "auto"
    families: tuple[str, ...] = ("linear", "knn", "tree", "extra_trees", "lightgbm")
    extra_families: Literal["auto", "none"] = "auto"
    variants: tuple[str, ...] = ("onehot", "target", "native", "spelling")
    resampling: tuple[Literal["smote", "under"], ...] = ()
    finalists: int = Field(2, ge=1)


class WorkersConfig(Section):
    """Where searching and fitting run."""

    count: int | None = Field(None, ge=1, le=MOST_WORKERS)
    scheduler: str | None = None


class BudgetConfig(Section):
    """What a version that serves may cost: microseconds a row as measured, and MB of its files; None is no limit."""

    predict_us: float | None = Field(None, gt=0)
    mb: float | None = Field(None, gt=0)


class PromotionConfig(Section):
    """When a version is registered, replaced or retired."""

    confidence: float = Field(0.9, gt=0.5, lt=1)
    max_active: int = Field(12, ge=2)
    budget: BudgetConfig = BudgetConfig()


class SelectionConfig(Section):
    """How what serves a request is chosen."""

    mode: Literal["all", "single"] = "all"
    max_members: int = Field(5, ge=1)
    half_life: float = Field(4.0, gt=0)
    temperature: float = Field(0.01, gt=0)
    confidence: float = Field(0.9, gt=0.5, lt=1)
    matched_rows: int = Field(10_000, ge=0)

    @field_validator("mode", mode="before")
    @classmethod
    def _name_successor(cls, stated: object) -> object:
        if stated == "plan":
            raise ValueError("'plan', the mixture of all versions, is gone; write 'all', or remove the key")
        return stated


class LabelsConfig(Section):
    """Late labels: which served rows are kept until theirs arrive, how they are found, and who else answers them."""

    log_share: float = Field(1.0, ge=0, le=1)
    key_columns: tuple[str, ...] = ()
    shadow: bool = True
    shadow_rows: int = Field(500, ge=1)


class InferenceConfig(Section):
    """How a file is answered: ``chunk_rows`` rows are in memory at a time."""

    chunk_rows: int = Field(50_000, ge=1)


class OutputConfig(Section):
    """How answers are written."""

    escape_formulas: bool = False


class StorageConfig(Section):
    """How much old models may take."""

    max_mb: float | None = Field(None, gt=0)
    keep_generations: int = Field(5, ge=1)


class ReportConfig(Section):
    """The summary."""

    shap_rows: int = Field(300, ge=10)
    max_shap_seconds: float = Field(60.0, gt=0)


class MlflowConfig(Section):
    """An MLflow server that versions are published to. ``registry_uri`` null is the tracking server's own."""

    tracking_uri: str | None = None
    registry_uri: str | None = None
    experiment: str = Field("pointsman", min_length=1)
    model: str = Field("pointsman", min_length=1)
    serve: bool = False


class ServiceConfig(Section):
    """The service that answers requests over HTTP, and what one request may ask of it."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65_535)
    open: bool = False
    hosts: tuple[str, ...] = ()
    poll_seconds: float = Field(2.0, gt=0)
    max_mb: float = Field(16.0, gt=0)
    max_rows: int = Field(100_000, ge=1)
    max_columns: int = Field(1_000, ge=1)
    max_text: int = Field(10_000, ge=1)
    seconds: float = Field(30.0, gt=0)
    concurrent: int = Field(128, ge=1)
    shutdown_seconds: int = Field(20, ge=0)
    access_log: Literal["file", "stderr", "none"] = "file"

    @field_validator("hosts", mode="before")
    @classmethod
    def _are_names(cls, hosts: Any) -> Any:
        listed = [hosts] if isinstance(hosts, str) else hosts
        return [str(name).lower() for name in listed] if isinstance(listed, list | tuple) else listed


DEFAULT_NAME = "config"


def name_state_dir(name: str) -> Path:
    """Return where the state of the configuration ``name``.yaml lives unless it says otherwise.

    >>> str(name_state_dir("config")), str(name_state_dir("claims"))
    ('state', 'state-claims')
    """
    return Path("state" if name == DEFAULT_NAME else f"state-{name}")


class Config(Section):
    """Everything a run depends on. ``name`` is that of the stream, by default that of the file."""

    name: str = Field(DEFAULT_NAME, min_length=1)
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    metric: str = "auto"
    seed: int = 7
    state_dir: Path = Field(default_factory=lambda stated: name_state_dir(stated.get("name", DEFAULT_NAME)))
    data_dir: Path = Path(".")
    database_url: str | None = None
    source: SourceConfig = SourceConfig()
    schema_: SchemaConfig = Field(alias="schema")
    batch: BatchConfig = BatchConfig(rows=5_000)
    quality: QualityConfig = QualityConfig()
    drift: DriftConfig = DriftConfig()
    response: ResponseConfig = ResponseConfig()
    features: FeaturesConfig = FeaturesConfig()
    training: TrainingConfig = TrainingConfig()
    update: UpdateConfig = UpdateConfig()
    search: SearchConfig = SearchConfig()
    workers: WorkersConfig = WorkersConfig()
    promotion: PromotionConfig = PromotionConfig()
    selection: SelectionConfig = SelectionConfig()
    labels: LabelsConfig = LabelsConfig()
    inference: InferenceConfig = InferenceConfig()
    output: OutputConfig = OutputConfig()
    storage: StorageConfig = StorageConfig()
    report: ReportConfig = ReportConfig()
    mlflow: MlflowConfig = MlflowConfig()
    service: ServiceConfig = ServiceConfig()
    _file: str = PrivateAttr("")

    @property
    def file(self) -> str:
        """The file that was read, as it was named; '' where there was none."""
        return self._file

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, in whichever file."""
        return isinstance(other, Config) and super().__eq__(other.written_in(self.file))

    def written_in(self, file: str) -> "Config":
        """Return the same as a file has it."""
        copy = self.model_copy()
        copy._file = file
        return copy

    @model_validator(mode="after")
    def _cuts_by_a_time_that_is_there(self) -> "Config":
        if self.schema_.is_timeless and self.batch.period:
            raise ValueError(
                f"batch.period is {self.batch.period} and schema.time is null, so there is no time to cut by; set "
                "batch.rows instead"
            )
        return self


def load_config(path: str | Path = "config.yaml", overrides: Sequence[str] = ()) -> Config:
    """Return the configuration in the file at ``path`` with ``key.sub=value`` overrides laid over it.

    Raises ConfigError naming the file, the key, the value and the fix; an unknown key is refused with the nearest
    known one.
    """
    path = Path(path)
    return lay_over({"name": path.stem} | read_yaml(path), overrides, path).written_in(path.as_posix())


def lay_over(written: Mapping[str, Any], overrides: Sequence[str], path: Path) -> Config:
    """Return the configuration ``written`` at ``path`` with overrides laid over it, as ``load_config`` does."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = known_keys(Config)
    learn_secrets([written, *overrides])  # before anything can be said about them
    try:
        stated = OmegaConf.create(dict(written))
        # Before they are merged: afterwards nothing tells a key of the command line from one of the file.
        for override in overrides:
            key = override.partition("=")[0]
            if "=" not in override or not key:
                raise ConfigError(f"'{override}' is no override; write key=value, such as search.trials=20.")
            _check_known(key, known, "the command line")
        laid_over = OmegaConf.from_dotlist([_quote(override) for override in overrides])
        merged = OmegaConf.to_container(OmegaConf.merge(stated, laid_over), resolve=True)
        _choose_batch_cut(merged, OmegaConf.to_container(laid_over))
    except yaml.YAMLError as error:
        raise ConfigError(f"An override cannot be read: {' '.join(str(error).split())}.") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"An override or '{path}' cannot be read: {first_line(error)}.") from error
    except ValueError as error:  # a number or a date that YAML sees in it and that is none
        raise ConfigError(f"An override holds {explain_misreading(error)}.") from error
    assert isinstance(merged, dict)
    learn_secrets(merged)  # now with what variables of the environment stand for
    for key in _dotted(merged):
        _check_known(key, known, f"'{path}'")
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_describe(error, merged, path)) from error


def known_keys(section: type[Section], prefix: str = "") -> dict[str, bool]:
    """Return every dotted key of a section, with True where it is a section of its own.

    >>> known_keys(BatchConfig, "batch.")
    {'batch.rows': False, 'batch.period': False, 'batch.min_rows': False}
    """
    keys: dict[str, bool] = {}
    for name, field in section.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        kind = field.annotation
        keys[key] = isinstance(kind, type) and issubclass(kind, Section)
        if isinstance(kind, type) and issubclass(kind, Section):
            keys |= known_keys(kind, f"{key}.")
    return keys


def _quote(override: str) -> str:
    """Return an override whose value YAML reads as text, even if it begins with a sign that YAML reserves.

    >>> _quote("schema.time_format=%d-%b-%y"), _quote("search.trials=3")
    ('schema.time_format="%d-%b-%y"', 'search.trials=3')
    """
    key, _, stated = override.partition("=")
    return f"{key}={json.dumps(stated, ensure_ascii=False)}" if stated[:1] in RESERVED else override


def _choose_batch_cut(merged: Any, overrides: Any) -> None:
    """Overriding one way to cut batches switches the other one off; stating neither keeps the default."""
    batch = merged.get("batch")
    if not isinstance(batch, dict):
        return
    overridden = overrides.get("batch", {})
    for chosen, other in (("rows", "period"), ("period", "rows")):
        if overridden.get(chosen) is not None and overridden.get(other) is None:
            batch[other] = None
    if not batch.get("period"):
        batch.setdefault("rows", Config.model_fields["batch"].default.rows)


def _dotted(tree: Mapping[Any, Any], prefix: str = "") -> list[str]:
    keys = []
    for name, value in tree.items():
        key = f"{prefix}{name}"
        keys += _dotted(value, f"{key}.") if isinstance(value, dict) and key not in FREE else [key]
    return keys


GONE = {
    "selection.choosers": "the meta-model chooses among registered models now, and selection.max_members says "
    "of how many members ensembles are"
}
"""Keys of earlier releases, and what came in their place."""


def renew(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration that an earlier release stored, without the keys and values that no longer exist.

    >>> renew({"selection": {"mode": "plan", "choosers": ["forest"], "half_life": 2.0}})
    {'selection': {'half_life': 2.0}}
    """
    renewed = dict(stored)
    for key in GONE:
        section, _, name = key.partition(".")
        if isinstance(renewed.get(section), Mapping):
            renewed[section] = {one: setting for one, setting in renewed[section].items() if one != name}
    if renewed.get("selection", {}).get("mode") == "plan":
        renewed["selection"] = {name: setting for name, setting in renewed["selection"].items() if name != "mode"}
    return renewed


def _check_known(key: str, known: dict[str, bool], where: str) -> None:
    if key in known or key.startswith(tuple(f"{free}." for free in FREE)):
        return
    if key in GONE:
        raise ConfigError(f"The key '{key}' in {where} is gone: {GONE[key]}; remove it.")
    section = key.rpartition(".")[0]
    among = [one for one in known if one.startswith(f"{section}.")] if known.get(section) else known
    nearest = difflib.get_close_matches(key, among, n=1, cutoff=0.0)[0]
    raise ConfigError(f"Unknown key '{key}' in {where}; did you mean '{nearest}'?")


def _describe(error: ValidationError, stated: Any, path: Path) -> str:
    first = error.errors()[0]
    place = first["loc"]
    parts = _find_stated(place, stated)
    if first["type"] == "missing":
        key = ".".join([*parts, str(place[-1])])
        by_override = "" if any(isinstance(part, int) for part in place) else f" or as {key}=... "
        return f"The key '{key}' is compulsory and missing from '{path}'; state it there{by_override}."
    key = ".".join(parts) or "the configuration"
    message = MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, ").replace("Input should", "it must"))
    shown = "" if isinstance(first["input"], dict | Section) else f" (found {shorten(redact(repr(first['input'])))})"
    return f"The key '{key}' in '{path}' or its override is not usable: {message}{shown}."


def _find_stated(place: Sequence[str | int], stated: Any) -> list[str]:
    """Return the parts of an error's place that are in the file; the others are types that pydantic tried there.

    >>> _find_stated(("durations", "tuple[Duration, ...]", 0, "end"), {"durations": [{"end": 5}]})
    ['durations', '0', 'end']
    """
    parts = []
    for part in place:
        if part in stated if isinstance(stated, dict) else isinstance(stated, list) and isinstance(part, int):
            stated = stated[part]
            parts.append(str(part))
    return parts
