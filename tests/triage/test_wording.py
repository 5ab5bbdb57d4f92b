"""The words of a result: numbers that look different where they are, and rates with their numbers of images."""

import pytest

from skinlens.runtime.card import MeasuredRates, OperatingPoint
from skinlens.triage.wording import rates_sentence, with_enough_decimals
from tests.made_up_assessments import rates


class TestEnoughDecimals:
    @pytest.mark.parametrize(
        ("score", "threshold", "shown"),
        [
            (0.5, 0.25, ("0.50", "0.25")),
            (0.25, 0.25, ("0.25", "0.25")),
            (0.249, 0.25, ("0.249", "0.250")),
            (0.24999, 0.25, ("0.24999", "0.25000")),
            (0.9999, 1.0, ("0.9999", "1.0000")),
        ],
    )
    def test_different_numbers_look_different(self, score: float, threshold: float, shown: tuple[str, str]) -> None:
        assert with_enough_decimals(score, threshold) == shown


class TestRatesSentence:
    @staticmethod
    def point(*measured: MeasuredRates) -> OperatingPoint:
        return OperatingPoint(name="p", threshold=0.5, chosen_on="nothing", measured=measured)

    def test_both_rates_with_their_n(self) -> None:
        assert rates_sentence(self.point(rates("clean-native", 0.9166, 0.842))) == (
            "Measured at this threshold: clean-native: sensitivity 91.7% (n = 72 malignant), "
            "specificity 84.2% (n = 335 benign)."
        )

    def test_every_set_in_order_or_the_first_ones(self) -> None:
        point = self.point(rates("first", 0.9, 0.8), rates("second", 0.7, 0.6), rates("third", 0.5, 0.4))
        words = rates_sentence(point)
        assert words.index("first:") < words.index("; second:") < words.index("; third:")
        assert "third" not in rates_sentence(point, shown=2)
        assert rates_sentence(point, shown=1) == rates_sentence(self.point(point.measured[0]))

    def test_the_range_over_source_datasets(self) -> None:
        datasets = [rates("out of origin a", 0.93, 0.104), rates("out of origin b", 0.972, 0.669)]
        point = self.point(rates("out of origin", 0.95, 0.492), *datasets, rates("test, all", 0.9, 0.9))
        assert rates_sentence(point, shown=1).endswith(
            "specificity 49.2% (n = 335 benign). By source dataset (2): sensitivity 93% to 97%, specificity 10% to 67%."
        )
        assert "By source dataset" not in rates_sentence(self.point(point.measured[0], datasets[0]), shown=1)
        assert "; b: sensitivity 97.2%" in rates_sentence(point)

    def test_nothing_measured(self) -> None:
        assert rates_sentence(self.point()) == "Sensitivity and specificity at this threshold were not measured."

    def test_an_undefined_rate_is_called_undefined(self) -> None:
        assert rates_sentence(self.point(rates("benign only", None, 0.842))) == (
            "Measured at this threshold: benign only: sensitivity undefined (n = 0 malignant), "
            "specificity 84.2% (n = 335 benign)."
        )

    def test_nothing_defined_does_not_read_as_measured_figures(self) -> None:
        words = rates_sentence(self.point(rates("nobody", None, None)))
        assert words.count("undefined") == 2
        assert "%" not in words
