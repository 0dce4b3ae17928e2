import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from quick import each_row
from sweep import at_most

from asyncgen.answered import Usage
from asyncgen.money.account import Account, Tariff, describe_spent
from asyncgen.money.forecast import FORECAST_FROM, Forecast
from asyncgen.money.price import Price, cost_of, format_cost, with_cost

FLASH = Price.per_million(input=Decimal("0.50"), output=Decimal("3.00"), cached=Decimal("0.05"))


# ---- prices


@each_row(
    ("usage", "cost"),
    [
        (Usage(6000, 5888, 700), "0.0024504"),
        (Usage(6000, None, 700), "0.0051"),
        (Usage(6000, 0, 0), "0.003"),
        (Usage(100, 5000, 0), "0.000005"),
        (Usage(0, 0, 0), "0"),
        (Usage(1, None, 0), "0.0000005"),
        (Usage(None, None, 700), None),
        (Usage(6000, 10, None), None),
        (Usage(), None),
    ],
)
def test_a_cost_is_computed_exactly_or_not_at_all(usage: Usage, cost: str | None) -> None:
    assert cost_of(usage, FLASH) == (None if cost is None else Decimal(cost))


@each_row(
    ("sample", "cost"),
    [
        (Usage(), "0.0051"),
        (Usage(1000, None, 100, Decimal("0.0004")), "0.00255"),  # the list says 0.0008
        (Usage(1000, 1000, 0, Decimal("0.00005")), "0.0051"),
        (Usage(1000, 0, 100, Decimal(0)), "0"),
        (Usage(0, 0, 0, Decimal("0.1")), "0.0051"),
    ],
)
def test_a_call_that_does_not_tell_its_cost_is_taken_to_cost_as_much_of_the_price_as_others(
    sample: Usage, cost: str
) -> None:
    told = Tariff(FLASH, sample=sample).with_cost(Usage(6000, None, 700))
    assert (told.cost, told.priced) == (Decimal(cost), True)
    assert Tariff(FLASH, sample=sample).with_cost(Usage(6000, None, 700, Decimal(7))).cost == 7


def test_a_cost_that_was_reported_stands_and_a_computed_one_is_marked() -> None:
    reported = Usage(6000, 5888, 700, Decimal("0.1"))
    assert with_cost(reported, FLASH) is reported
    assert with_cost(Usage(6000, 5888, 700), FLASH) == Usage(6000, 5888, 700, Decimal("0.0024504"), priced=True)
    assert with_cost(Usage(6000, 5888, 700), None) == Usage(6000, 5888, 700)
    assert with_cost(Usage(6000), FLASH) == Usage(6000)


amounts = st.decimals(0, 1000, places=6)


tokens = st.integers(0, 10**7)


@given(st.tuples(amounts, amounts, amounts), st.tuples(tokens, tokens, tokens))
def test_costs_are_exact_for_any_prices(prices: tuple[Decimal, ...], used: tuple[int, int, int]) -> None:
    fresh_price, cached_price, output_price = prices
    prompt, cached, completion = used
    price = Price.per_million(input=fresh_price, output=output_price, cached=cached_price)
    usage = with_cost(Usage(prompt, cached, completion), price)
    read = min(prompt, cached)
    parts = ((fresh_price, prompt - read), (cached_price, read), (output_price, completion))
    exact = sum(Fraction(dollars) * number for dollars, number in parts)
    assert usage.cost is not None
    assert Fraction(usage.cost) * 1_000_000 == exact
    assert "E+" not in str(usage.cost)


def test_without_a_price_for_cached_tokens_they_cost_what_others_do() -> None:
    price = Price.per_million(input=Decimal(2), output=Decimal(8), cached=None)
    assert price.cost(fresh=10, cached=90, output=1) == price.cost(fresh=100, cached=0, output=1)
    assert price.saved(90) == 0


# ---- the account


def test_a_call_has_room_when_the_dearest_one_would_fit_beside_those_reserved() -> None:
    tariff = Tariff(dearest=Decimal("0.10"))
    account = Account(Decimal("1.00"), Decimal("0.70"), [tariff])
    for _ in range(3):
        assert account.has_room(tariff)
        tariff.reserved += 1
    assert not account.has_room(tariff)
    assert not account.is_overcommitted(tariff)
    account.book(tariff, Decimal("0.02"))
    tariff.reserved -= 1
    assert not account.has_room(tariff)
    tariff.reserved -= 1
    assert account.has_room(tariff)


def test_the_budget_can_be_used_up_to_the_last_cent() -> None:
    tariff = Tariff()
    account = Account(Decimal("0.3"), tariffs=[tariff])
    for _ in range(3):
        assert account.has_room(tariff)
        account.book(tariff, Decimal("0.1"))
    assert (account.has_room(tariff), account.is_used_up, account.left) == (False, True, Decimal(0))


def test_without_a_known_cost_one_call_at_a_time_finds_it_out() -> None:
    tariff = Tariff()
    account = Account(Decimal(100), tariffs=[tariff])
    assert account.has_room(tariff)
    assert account.room(tariff) == 1
    tariff.reserved = 1
    assert not account.has_room(tariff)
    account.book(tariff, Decimal("0.01"))
    assert account.has_room(tariff)


def test_calls_of_unknown_cost_count_as_much_as_the_dearest() -> None:
    tariff = Tariff(dearest=Decimal("0.2"), unpriced=1, lost=1)
    account = Account(Decimal(1), Decimal("0.5"), [tariff])
    assert account.committed == Decimal("0.9")
    assert not account.has_room(tariff)
    assert account.left == Decimal("0.1")


def test_a_dearer_call_makes_what_is_reserved_too_much() -> None:
    tariff = Tariff(dearest=Decimal("0.1"), reserved=4)
    account = Account(Decimal(1), Decimal("0.1"), [tariff])
    assert not account.is_overcommitted(tariff)
    account.book(tariff, Decimal("0.3"))
    assert account.is_overcommitted(tariff)


def test_without_a_budget_there_is_always_room() -> None:
    tariff = Tariff(dearest=Decimal(10**6), lost=10**6, reserved=10**6)
    account = Account(None, Decimal(10**6), [tariff])
    assert account.has_room(tariff)
    assert not account.is_overcommitted(tariff)
    assert account.left is None


def test_an_answer_that_costs_nothing_tells_nothing_of_the_next_one() -> None:
    tariff = Tariff()
    account = Account(Decimal(1), tariffs=[tariff])
    account.book(tariff, Decimal(0))
    assert account.has_room(tariff)
    tariff.reserved = 1
    assert not account.has_room(tariff), "one by one"
    account.book(tariff, Decimal("0.1"))
    assert account.has_room(tariff)


def test_until_a_cost_is_known_calls_are_held_at_the_most_they_may_cost() -> None:
    tariff = Tariff(FLASH, (2000, 1000))  # $0.004 at most
    account = Account(Decimal("0.01"), tariffs=[tariff])
    for _ in range(2):
        account.book(tariff, Decimal(0))
        assert account.has_room(tariff)
        tariff.reserved += 1
    assert not account.has_room(tariff)
    assert not account.is_overcommitted(tariff)
    account.book(tariff, Decimal("0.001"))
    assert account.has_room(tariff), "a real cost is better than the card"


def test_one_call_may_always_find_out_what_calls_cost() -> None:
    tariff = Tariff(FLASH, (2000, 1000))
    assert Account(Decimal("0.001"), tariffs=[tariff]).has_room(tariff)


@pytest.mark.parametrize("tariff", [Tariff(Price(Decimal(0), Decimal(0), Decimal(0))), Tariff(is_free=True)])
def test_what_is_free_fits_any_budget(tariff: Tariff) -> None:
    account = Account(Decimal("0.01"), tariffs=[tariff])
    account.book(tariff, Decimal(0))
    tariff.reserved = 1000
    assert account.has_room(tariff)


def test_a_price_of_nothing_needs_no_tokens() -> None:
    assert with_cost(Usage(), Price(Decimal(0), Decimal(0), Decimal(0))).cost == 0


def test_an_unknown_cost_after_free_ones_is_unknown() -> None:
    tariff = Tariff()
    account = Account(Decimal(1), tariffs=[tariff])
    account.book(tariff, Decimal(0))
    account.book(tariff, None)
    assert tariff.has_told_nothing


def test_a_price_is_unknown_once_an_answer_has_not_told_it() -> None:
    tariff = Tariff()
    account = Account(Decimal(1), tariffs=[tariff])
    assert not tariff.has_told_nothing
    tariff.lost += 1
    assert not tariff.has_told_nothing
    account.book(tariff, None)
    assert tariff.has_told_nothing
    account.book(tariff, Decimal("0.1"))
    assert not tariff.has_told_nothing


def test_what_is_free_is_not_unknown() -> None:
    tariff = Tariff(is_free=True)
    account = Account(tariffs=[tariff])
    account.book(tariff, None)
    assert account.describe_spent() == "free"


def test_a_batch_may_have_as_many_lines_as_its_money_allows() -> None:
    batch = Tariff(FLASH, (2000, 1000))  # $0.004 at most
    account = Account(Decimal(24), tariffs=[batch])
    assert account.room(batch) == 6000
    batch.reserved = 6000
    assert (account.reserved, account.has_room(batch)) == (Decimal(24), False)
    for _ in range(6000):
        account.book(batch, Decimal("0.002"))
        batch.reserved -= 1
    assert (account.committed, account.reserved) == (Decimal(12), Decimal(0))


def test_tariffs_share_an_account_and_nothing_of_what_is_known_of_them() -> None:
    writer, judge = Tariff(dearest=Decimal("0.3")), Tariff()
    account = Account(Decimal(1), tariffs=[writer, judge])
    writer.reserved = 2
    assert account.has_room(judge), "it finds out what it costs, beside those of others"
    judge.reserved = 1
    assert account.has_room(writer)
    assert not account.has_room(judge)
    account.book(judge, Decimal("0.2"))
    assert account.reserved == Decimal("0.8")
    assert account.has_room(judge) is account.has_room(writer) is False
    judge.reserved = 0
    assert account.has_room(judge)
    writer.lost += 1
    assert account.committed == Decimal("0.5")
    assert "1 call of unknown cost counted at $0.3000 each" in account.explain_no_room()


def test_nothing_finds_out_a_cost_when_all_is_held_for_others() -> None:
    writer, judge = Tariff(dearest=Decimal("0.5"), reserved=2), Tariff()
    assert not Account(Decimal(1), tariffs=[writer, judge]).has_room(judge)


def test_what_caching_saves_is_reckoned_by_each_price() -> None:
    dear = Price.per_million(input=Decimal(10), output=Decimal(1), cached=Decimal(1))
    account = Account(tariffs=[Tariff(FLASH, cached_tokens=10**6), Tariff(dear, cached_tokens=10**6), Tariff()])
    assert account.saved_by_caching == Decimal("9.45")
    assert Account(tariffs=[Tariff(FLASH), Tariff(cached_tokens=9)]).saved_by_caching is None


@given(
    limit=st.decimals("0.01", 5, places=4),
    waves=st.lists(st.tuples(st.decimals(0, 1, places=4), st.integers(1, 6))),
)
def test_nothing_starts_that_would_pass_the_budget_at_the_dearest_price_known(
    limit: Decimal, waves: list[tuple[Decimal, int]]
) -> None:
    """Waves of calls of any cost, as many at once as there is room for."""
    tariff, billed, dearest = Tariff(), Decimal(0), Decimal(0)
    account = Account(limit, tariffs=[tariff])
    for cost, wanted in waves:
        while tariff.reserved < wanted and account.has_room(tariff):
            tariff.reserved += 1
        assert not tariff.reserved or billed + tariff.reserved * dearest <= limit
        for _ in range(tariff.reserved):
            account.book(tariff, cost)
            billed, dearest = billed + cost, max(dearest, cost)
        tariff.reserved = 0
    assert account.committed == billed


class Spending(RuleBasedStateMachine):
    """Calls of four tariffs, one by one and many at once, that cost no more than is held for them.

    Whatever the order in which they are reserved, settled and given back, no more is spent than the budget, but for the
    calls that find out what others cost, one of each tariff.
    """

    @initialize(limit=st.decimals("0.05", 3, places=2), known=st.decimals("0.01", "0.2", places=2))
    def begin(self, limit: Decimal, known: Decimal) -> None:
        self.tariffs = [Tariff(), Tariff(), Tariff(FLASH, (2000, 1000)), Tariff(dearest=known)]
        self.account = Account(limit, tariffs=self.tariffs)
        self.found_out = Decimal(0)

    @rule(which=st.integers(0, 3), calls=st.integers(1, 9))
    def reserve(self, which: int, calls: int) -> None:
        tariff = self.tariffs[which]
        room = self.account.room(tariff)
        tariff.reserved += calls if room is None else min(calls, room)

    @rule(which=st.integers(0, 3), share=st.decimals(0, 1, places=2), dear=st.decimals("0.01", "0.5", places=2))
    def settle(self, which: int, share: Decimal, dear: Decimal) -> None:
        tariff = self.tariffs[which]
        if not tariff.reserved:
            return
        if not tariff.dearest and tariff.reserved == 1:
            cost = dear
            self.found_out += cost
        else:
            assert tariff.held is not None
            cost = share * tariff.held
        tariff.reserved -= 1
        self.account.book(tariff, cost)

    @rule(which=st.integers(0, 3))
    def lose(self, which: int) -> None:
        tariff = self.tariffs[which]
        if tariff.reserved and tariff.dearest:
            tariff.reserved -= 1
            tariff.lost += 1

    @rule(which=st.integers(0, 3))
    def give_back(self, which: int) -> None:
        self.tariffs[which].reserved -= self.tariffs[which].reserved > 0

    @invariant()
    def no_more_is_spent_than_the_budget(self) -> None:
        if hasattr(self, "account"):
            assert self.account.limit is not None
            assert self.account.committed <= self.account.limit + self.found_out


TestSpending = Spending.TestCase
TestSpending.settings = settings(at_most(40), stateful_step_count=20)


def test_what_is_said_names_the_sums_and_how_to_go_on() -> None:
    tariff = Tariff(dearest=Decimal("0.03"))
    account = Account(Decimal(25), Decimal("24.98"), [tariff])
    assert account.explain_no_room() == (
        "the budget of $25.00 is used up: $24.98 spent over all runs of this output, and the $0.0200 left may not pay "
        "for another call. Go on with a higher --budget"
    )
    tariff.lost, tariff.unpriced = 2, 1
    assert "at least $24.98 spent" in account.explain_no_room()
    assert "3 calls of unknown cost counted at $0.0300 each" in account.explain_no_room()


@each_row(
    ("spent", "unpriced", "told"),
    [(None, 0, ""), (None, 3, "unknown"), ("0", 0, "$0.00"), ("1.5", 0, "$1.50"), ("1.5", 1, "at least $1.50")],
)
def test_an_unknown_sum_is_never_nothing(spent: str | None, unpriced: int, told: str) -> None:
    assert describe_spent(None if spent is None else Decimal(spent), unpriced) == told


# ---- the forecast


def forecast_of(costs: list[Decimal]) -> Forecast:
    forecast = Forecast()
    for cost in costs:
        forecast.add(cost)
    return forecast


def test_few_conversations_foresee_nothing() -> None:
    forecast = forecast_of([Decimal("0.01")] * (FORECAST_FROM - 1))
    assert forecast.expect(Decimal(0), 100) is None
    forecast.add(Decimal("0.01"))
    assert forecast.expect(Decimal(0), 100) is not None


def test_equal_costs_are_foreseen_exactly() -> None:
    estimate = forecast_of([Decimal("0.0024")] * 50).expect(Decimal("0.12"), 19_950)
    assert estimate is not None
    assert (estimate.total, estimate.margin) == (Decimal(48), Decimal(0))


def test_the_margin_is_two_standard_errors() -> None:
    """Costs of 1 and 3 in turn: mean 2, variance 100/99; of 100 pending ones and of the mean itself."""
    estimate = forecast_of([Decimal(1), Decimal(3)] * 50).expect(Decimal(200), 100)
    assert estimate is not None
    assert estimate.total == 400
    assert float(estimate.margin) == pytest.approx(2 * (100 / 99 * (100 + 100 * 100 / 100)) ** 0.5)


def test_with_nothing_pending_nothing_is_uncertain() -> None:
    estimate = forecast_of([Decimal(1), Decimal(3)] * 50).expect(Decimal(200), 0)
    assert estimate is not None
    assert (estimate.total, estimate.margin) == (Decimal(200), Decimal(0))


@pytest.mark.parametrize(("known", "margin"), [(50, "0.3"), (500, "0.07")])
def test_the_forecast_closes_in_on_what_it_costs_in_the_end(known: int, margin: str) -> None:
    """Two standard errors hold the true total in 19 of 20 runs; here it must be so in 17 of 20."""
    hits = 0
    for seed in range(40):
        rng = random.Random(f"costs {seed}")
        costs = [Decimal(f"{rng.lognormvariate(-6, 0.5):.9f}") for _ in range(1000)]
        estimate = forecast_of(costs[:known]).expect(sum(costs[:known], Decimal(0)), len(costs) - known)
        assert estimate is not None
        assert estimate.margin < Decimal(margin) * estimate.total
        hits += abs(estimate.total - sum(costs)) <= estimate.margin
    assert hits >= 34


def test_a_higher_budget_is_proposed_from_the_forecast_or_else_doubled() -> None:
    account = Account(Decimal("0.125"), Decimal("0.1"), [Tariff(dearest=Decimal("0.004"))])
    assert account.higher_limit(1000) == Decimal("0.25")
    account.forecast = forecast_of([Decimal("0.002")] * 50)
    assert account.higher_limit(1000) == Decimal("2.11")


# ---- figures


@each_row(
    ("cost", "text"),
    [
        ("0", "$0.00"),
        ("0.000012", "$0.000012"),
        ("0.0000123456", "$0.000012"),
        ("0.0123", "$0.0123"),
        ("0.9999", "$0.9999"),
        ("1", "$1.00"),
        ("12.34", "$12.34"),
        ("1234.565", "$1,234.56"),
    ],
)
def test_costs(cost: str, text: str) -> None:
    assert format_cost(Decimal(cost)) == text


def test_a_price_is_told_for_a_million_tokens() -> None:
    assert FLASH.describe() == "a million tokens: $0.50 in, $0.05 cached, $3.00 out"
    tiny = Price.per_million(input=Decimal("0.0375"), output=Decimal(15), cached=None)
    assert tiny.describe() == "a million tokens: $0.0375 in, $15.00 out"


def test_a_budget_that_earlier_runs_have_passed_is_not_offered_again() -> None:
    account = Account(limit=Decimal("0.01"), spent=Decimal("0.1988"))
    assert account.higher_limit(100) == Decimal("0.40")
