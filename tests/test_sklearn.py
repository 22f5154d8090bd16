"""The transformer: scikit-learn's own checks where they apply, and ``build``'s values bit for bit."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

import customer_features
from customer_features import ColumnError, DataFaults, FaultsQuarantined, InvalidOption, SourceError
from customer_features.definition.features import names
from customer_features.sklearn import CustomerFeatures
from tests.conftest import EXAMPLE_VECTORS, TODAY, example_columns
from tests.test_architecture import python

ROWS = pd.DataFrame(example_columns())


def many(customers: int = 60) -> pd.DataFrame:
    """Purchases of small and of great customers, over a year."""
    rng = np.random.default_rng(7)
    ids = np.repeat(np.arange(customers), 3 + np.arange(customers) % 9)
    return pd.DataFrame(
        {
            "customer_id": [f"c{number:03}" for number in ids],
            "transaction_id": np.arange(len(ids)),
            "date": pd.Timestamp("2025-04-24") - pd.to_timedelta(rng.integers(0, 365, len(ids)), "D"),
            "amount": (rng.integers(1, 9_999, len(ids)) * np.where(ids % 2, 1, 50) / 100).round(2),
            "product_id": rng.integers(0, 40, len(ids)),
        }
    )


def bits(values: Any) -> Any:
    """The values as their 64-bit patterns."""
    return np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)


# -- scikit-learn's own checks ---------------------------------------------------------------------------------


@parametrize_with_checks([CustomerFeatures(today=TODAY)])
def test_the_checks_that_apply(estimator: CustomerFeatures, check: Any) -> None:
    check(estimator)


class OverNumbers(CustomerFeatures):
    """Each row of a matrix as the only purchase of a customer, so that there are as many rows out as in.

    Most checks of scikit-learn hand over matrices of numbers. Of the transformer itself they can ask nothing: a
    matrix holds no purchases, which its tags say (``two_d_array`` is false), and the checks are left out for them.
    """

    def fit(self, X: Any, y: Any = None) -> OverNumbers:
        numbers = validate_data(self, X)
        count = self.n_features_in_
        super().fit(purchases(numbers))
        del self.feature_names_in_
        self.n_features_in_ = count
        return self

    def transform(self, X: Any) -> Any:
        check_is_fitted(self)
        return super().transform(purchases(validate_data(self, X, reset=False))).to_numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.no_validation = False
        tags.requires_fit = True
        tags.input_tags.allow_nan = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


def purchases(numbers: Any) -> pd.DataFrame:
    rows = [f"c{row:06}" for row in range(len(numbers))]
    amounts = np.abs(np.asarray(numbers, dtype=float)).sum(axis=1).clip(0, 1e9)
    return pd.DataFrame(
        {"customer_id": rows, "transaction_id": rows, "date": TODAY, "amount": amounts, "product_id": "p"}
    )


@pytest.mark.slow
def test_the_checks_of_matrices() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(OverNumbers(today=TODAY), on_fail=None, on_skip=None)
    failed = [result for result in results if result["status"] == "failed"]
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    assert failed == []
    assert len(passed) > 40
    assert {
        *("check_dict_unchanged", "check_dont_overwrite_parameters", "check_estimators_overwrite_params"),
        *("check_estimators_pickle", "check_fit_idempotent", "check_transformer_general", "check_fit_score_takes_y"),
        *("check_methods_subset_invariance", "check_methods_sample_order_invariance", "check_pipeline_consistency"),
    } <= passed


# -- values ----------------------------------------------------------------------------------------------------


def test_the_contract() -> None:
    found = CustomerFeatures(TODAY).fit_transform(ROWS)
    assert {name: tuple(row) for name, row in zip(found.index, found.to_numpy(), strict=True)} == EXAMPLE_VECTORS
    assert list(found.columns) == list(names())
    assert found.index.name == "customer_id"


OPTIONS: list[dict[str, Any]] = [
    {},
    {"today": "2025-02-01", "future": "exclude", "window": "6 months"},
    {"grain": "line"},
    {"returns": "net", "timezone": "America/Sao_Paulo"},
    {"loyalty": pd.DataFrame({"customer_id": ["c001"], "loyalty_score": [0.25]})},
    {"today": ["2025-01-31", "2025-04-24"], "future": "exclude"},
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options))
def test_the_values_are_those_of_build(options: dict[str, Any]) -> None:
    rows, options = many(), {"today": TODAY, **options}
    wanted = customer_features.build(rows, **options)
    estimator = CustomerFeatures(**options).fit(rows)
    found = estimator.transform(rows)
    assert (bits(found) == bits(wanted[list(names())])).all()
    assert list(found.index.get_level_values("customer_id")) == list(wanted["customer_id"])
    assert list(found.index.names) == ["customer_id", "as_of"][: 1 + ("as_of" in wanted.columns)]
    assert estimator.vectors(rows).equals(wanted)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("library", "kind"),
    [
        *((library, "default") for library in ("pandas", "polars", "lazy", "pyarrow", "narwhals", "dask")),
        *(("pandas", "polars"), ("polars", "pandas"), ("pyarrow", "pandas"), ("pyarrow", "polars")),
    ],
)
def test_any_dataframe(library: str, kind: str) -> None:
    rows: Any = many(20)
    wanted = bits(customer_features.build(rows, today=TODAY)[list(names())])
    if library == "narwhals":
        import narwhals

        rows = narwhals.from_native(rows)
    elif library == "dask":
        import dask.dataframe

        rows = dask.dataframe.from_pandas(rows, npartitions=2)
    elif library != "pandas":
        rows = {"polars": pl.from_pandas, "lazy": pl.from_pandas, "pyarrow": pa.Table.from_pandas}[library](rows)
        rows = rows.lazy() if library == "lazy" else rows
    found = CustomerFeatures(TODAY).set_output(transform=kind).fit_transform(rows)
    of_its_own = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "lazy": pl.DataFrame, "pyarrow": np.ndarray}
    expected: Any = {"pandas": pd.DataFrame, "polars": pl.DataFrame}.get(kind, of_its_own.get(library, pd.DataFrame))
    assert isinstance(found, expected)
    assert (bits(found) == wanted).all()
    if expected is not np.ndarray:
        assert list(found.columns) == list(names())


# -- parameters ------------------------------------------------------------------------------------------------


def test_parameters_are_those_of_build() -> None:
    import inspect

    ours = dict(inspect.signature(CustomerFeatures).parameters)
    theirs = dict(inspect.signature(customer_features.build).parameters)
    del theirs["transactions"]
    assert {name: one.default for name, one in ours.items()} == {name: one.default for name, one in theirs.items()}


def test_today_is_required_and_read_when_it_is_asked_for() -> None:
    with pytest.raises(InvalidOption, match="today: is required: the date that the vectors are of"):
        CustomerFeatures().fit(ROWS)
    with pytest.raises(InvalidOption, match="today: is required"):
        CustomerFeatures().transform(ROWS)
    estimator = CustomerFeatures(TODAY).fit(ROWS)
    later = estimator.set_params(today="2025-04-30").transform(ROWS)
    assert list(later["recency_days"]) == [9.0, 115.0]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"grain": "lines"}, InvalidOption, "did you mean 'line'"),
        ({"window": "a year"}, InvalidOption, "give for example '12 months'"),
        ({"columns": {"amount": "amuont"}}, ColumnError, "did you mean 'amount'"),
        ({"columns": {"amuont": "amount"}}, InvalidOption, "did you mean 'amount'"),
        ({"loyalty": 3}, SourceError, "loyalty: found int"),
    ],
)
def test_fit_refuses_what_cannot_be_computed(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        CustomerFeatures(**{"today": TODAY, **options}).fit(ROWS)


def test_what_is_no_table_of_purchases() -> None:
    with pytest.raises(ColumnError, match="columns found: a"):
        CustomerFeatures(TODAY).fit(pd.DataFrame({"a": [1]}))
    with pytest.raises(SourceError, match="found ndarray"):
        CustomerFeatures(TODAY).fit(np.zeros((3, 5)))


def test_faulty_rows() -> None:
    rows = pd.concat([many(), many(1).head(1).assign(customer_id="z", amount=-1)])
    with pytest.raises(DataFaults, match="1 of"):
        CustomerFeatures(TODAY).fit_transform(rows)
    with pytest.warns(FaultsQuarantined, match="1 of"):
        found = CustomerFeatures(TODAY, on_fault="quarantine").fit_transform(rows)
    assert (bits(found) == bits(CustomerFeatures(TODAY).fit_transform(many()))).all()


def test_clone_and_pickle() -> None:
    estimator = CustomerFeatures(TODAY, grain="line", columns={"amount": "amount * 2"}).set_output(transform="polars")
    fitted = clone(estimator).fit(ROWS)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    for one in (clone(fitted), again):
        assert one.get_params() == estimator.get_params()
        assert one.transform(ROWS).equals(fitted.transform(ROWS))
    assert list(again.feature_names_in_) == list(ROWS.columns)
    assert again.n_features_in_ == len(ROWS.columns)
    assert not hasattr(clone(fitted), "n_features_in_")


def test_the_rows_stay_as_they_are() -> None:
    rows = many()
    before = rows.copy()
    CustomerFeatures(TODAY).fit_transform(rows)
    pd.testing.assert_frame_equal(rows, before)


# -- in a pipeline ---------------------------------------------------------------------------------------------


def test_segments() -> None:
    rows = many()
    pipeline = make_pipeline(
        CustomerFeatures(TODAY), FunctionTransformer(np.log1p, feature_names_out="one-to-one"), StandardScaler(),
        KMeans(2, n_init=3, random_state=0),
    )  # fmt: skip
    labels = pipeline.fit_predict(rows)
    vectors = customer_features.build(rows, today=TODAY)
    by_hand = KMeans(2, n_init=3, random_state=0).fit_predict(
        StandardScaler().fit_transform(np.log1p(vectors[list(names())]))
    )
    assert (labels == by_hand).all()
    great = vectors["customer_id"].str[1:].astype(int) % 2 == 0
    assert len(set(labels[great])) == len(set(labels[~great])) == 1
    assert list(pipeline[:-1].get_feature_names_out()) == list(names())
    scaled = pipeline[:-1].set_output(transform="pandas").transform(rows)
    assert list(scaled.index) == list(vectors["customer_id"])
    assert list(scaled.columns) == list(names())


def test_a_label_for_each_customer() -> None:
    rows, vectors = many(), customer_features.build(many(), today=TODAY)
    pipeline = Pipeline(
        [("features", CustomerFeatures(TODAY)), ("scale", StandardScaler()), ("fit", LogisticRegression())]
    )
    labels = vectors["customer_id"].str[1:].astype(int) % 2
    assert pipeline.fit(rows, labels).score(rows, labels) == 1
    some = rows[rows["customer_id"] < "c030"]
    assert list(pipeline.predict(some)) == list(labels[:30])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        pipeline.fit(rows, np.zeros(len(rows)))


def test_a_missing_extra() -> None:
    said = python(
        "try: import customer_features.sklearn\nexcept ImportError as e: print(type(e).__name__, e)", "sklearn"
    ).stdout
    assert said == (
        "MissingExtra the scikit-learn transformer needs the 'sklearn' extra:"
        " pip install 'customer-features[sklearn]'\n"
    )
