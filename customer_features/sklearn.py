"""The scikit-learn door: a transformer from purchase rows to one vector per customer, for a ``Pipeline``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from customer_features.definition.features import names
from customer_features.definition.options import Options, dates
from customer_features.errors import InvalidOption, MissingExtra
from customer_features.frames import build
from customer_features.frames.run import Run
from customer_features.query.columns import with_constants

try:
    import numpy as np
    import pyarrow as pa
    from sklearn.base import BaseEstimator, TransformerMixin
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("the scikit-learn transformer", "sklearn") from error

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CustomerFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Purchase rows in, one exact feature vector per customer out: the first step of a ``Pipeline``.

    The values are those of :func:`customer_features.build`, bit for bit. Nothing is learned from the rows: ``fit``
    looks at the options and the columns alone, and each call of ``transform`` is computed from the rows that it is
    given.

    Parameters
    ----------
    today
        The reference date for recency (a ``date`` or ``YYYY-MM-DD``), or a list of them for a vector at each.
        Required, unlike elsewhere: a vector is true of one date, and a default would be another one tomorrow (the
        current date), or another one of each set of rows (their last date), so that what was fitted on one date
        would silently be asked about another. It is read when ``transform`` is called: to ask a fitted pipeline about
        later rows, ``pipeline.set_params(customerfeatures__today="2025-06-30")``.
    columns, loyalty, grain, future, returns, window, timezone, date_format, decimal, thousands, null, constant, \
on_fault, max_faults, tolerate, incomplete
        As for :func:`customer_features.build`. With ``future="exclude"`` rows after ``today`` do not count, so that
        the same rows may be given at every date.

    Attributes
    ----------
    n_features_in_ : int
        The number of columns that ``fit`` was given.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names. ``transform`` finds its columns by name, in any order, and may be given others.

    Notes
    -----
    There are fewer rows out than in. So a ``y`` that goes through a pipeline has a value for each *customer*, in the
    order of :meth:`vectors`; and a splitter such as ``cross_val_score`` must not be given purchase rows: take
    the features first, then split customers or dates.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from customer_features.sklearn import CustomerFeatures
    >>> segments = make_pipeline(CustomerFeatures(today="2025-04-24"), StandardScaler(), KMeans(4))
    """

    def __init__(
        self,
        today: Any = None,
        *,
        columns: Mapping[str, str] | None = None,
        loyalty: Any = None,
        grain: str = "transaction",
        future: str = "fault",
        returns: str = "fault",
        window: str | None = None,
        timezone: str | None = None,
        date_format: str | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        null: Sequence[str] = (),
        constant: Mapping[str, str] | None = None,
        on_fault: str = "fail",
        max_faults: float = 0.01,
        tolerate: Mapping[str, float | str] | None = None,
        incomplete: str = "keep",
    ) -> None:
        self.today = today
        self.columns = columns
        self.loyalty = loyalty
        self.grain = grain
        self.future = future
        self.returns = returns
        self.window = window
        self.timezone = timezone
        self.date_format = date_format
        self.decimal = decimal
        self.thousands = thousands
        self.null = null
        self.constant = constant
        self.on_fault = on_fault
        self.max_faults = max_faults
        self.tolerate = tolerate
        self.incomplete = incomplete

    def fit(self, X: Any, y: Any = None) -> CustomerFeatures:
        """Check the options, and that the columns are there; no row is read.

        Parameters
        ----------
        X
            Purchase rows, any dataframe that :func:`customer_features.build` takes, shape (rows, columns).
        y
            Ignored; in a pipeline a value for each customer (see the notes of the class).

        Raises
        ------
        InvalidOption, ColumnError, SourceError
            As :func:`customer_features.build`; InvalidOption too where ``today`` is not given.
        """
        options = self._options()
        others = ("columns", "constant", "loyalty", "today")
        settled = {name: value for name, value in options.items() if name not in others}
        mapping = with_constants(self.columns or {}, self.constant)
        run = Run(X, self.loyalty, Options.parse(**dates(options["today"]), **settled), mapping)
        found = run.frame.names
        self.n_features_in_ = len(found)
        self.feature_names_in_ = np.array(found, dtype=object)
        return self

    def transform(self, X: Any) -> Any:
        """The vectors of the customers in these rows.

        Returns
        -------
        Shape (customers, 6), float64, in the order of :meth:`vectors`. Of pandas (Dask and Modin too) a pandas
        dataframe whose index is ``customer_id`` (and ``as_of``, where ``today`` is a list); of Polars a Polars
        dataframe; of anything else an array. ``set_output`` makes it pandas or Polars whatever goes in.

        Raises
        ------
        DataFaults, InvalidOption, ColumnError, SourceError
            As :func:`customer_features.build`.
        """
        return _matrix(self.vectors(X))

    def vectors(self, X: Any) -> Any:
        """What :func:`customer_features.build` gives of these rows: the same vectors, with ``customer_id`` beside them.

        The same kind of dataframe as ``X``, ordered by ``customer_id`` in byte order (and by ``as_of``): row for row
        the order of :meth:`transform`.
        """
        return build(X, **self._options())

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The names of the six features; ``input_features`` is ignored, as columns are found by their names."""
        return np.array(names(), dtype=object)

    def _options(self) -> dict[str, Any]:
        if self.today is None:
            raise InvalidOption(
                "today",
                "is required: the date that the vectors are of, for example CustomerFeatures(today='2025-04-24'); the"
                " current date, or the last one in the rows, would be another one at each call",
            )
        found: dict[str, Any] = self.get_params(deep=False)
        return found

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = []
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags


def _matrix(vectors: Any) -> Any:
    """The features of some vectors, without ids: a pandas dataframe, a Polars one, or an array."""
    if hasattr(vectors, "to_native"):  # Narwhals
        return _matrix(vectors.to_native())
    package = type(vectors).__module__.partition(".")[0]
    compute = {"dask": "compute", "modin": "_to_pandas", "polars": "collect"}.get(package)
    if compute is not None and hasattr(vectors, compute):
        return _matrix(getattr(vectors, compute)())
    if package == "pandas":
        keys = [name for name in ("customer_id", "as_of") if name in vectors.columns]
        return vectors.set_index(keys)
    if package == "polars":
        return vectors.select(names())
    table = pa.table(vectors)
    return np.column_stack([table[name].to_numpy() for name in names()])
