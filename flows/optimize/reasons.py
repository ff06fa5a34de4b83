"""Why the fields of a choice are what they are: what a step to either side of each would give, measured."""

from __future__ import annotations

from collections.abc import Sequence

from .judge import Score, loss_of
from .result import SCATTER, Loss, Reason, Verified
from .search import Search, Tried
from .space import Value

__all__ = ["points", "reasons"]


def reasons(search: Search, chosen: Tried, verified: Sequence[Verified] = ()) -> list[Reason]:
    """A reason for each step that there is; neighbours that are not known yet are looked at.

    Args:
        search: that is done.
        chosen: what was chosen.
        verified: what was tried on unseen images.
    """
    search.say("reasons")
    steps = list(search.space.steps(chosen.candidate))
    search.look(other for _, other in steps)
    places = {one: k for k, one in enumerate(search.tried)}
    here = search.space.told(chosen.candidate)
    found = []
    for field, other in steps:
        told, place = search.space.told(other)[field], places[other]
        seen = next((one for one in verified if one.point == place and not one.good), None)
        found.append(_reason(search, chosen, search.tried[other], (field, here[field], told), place, seen))
    return found


def _reason(
    search: Search,
    chosen: Tried,
    other: Tried,
    step: tuple[str, Value, Value],
    place: int,
    failed: Verified | None,
) -> Reason:
    saves = share = loss = None
    if other.lane is not None:
        saves = round(search.cost(chosen) - search.cost(other), 4)
        share = saves / search.cost(chosen)
    if other.score is not None and chosen.score is not None:
        seen = min(other.score.right.shape[1], chosen.score.right.shape[1])
        loss = loss_of(Score(chosen.score.right[:, :seen]), Score(other.score.right[:, :seen]))
    field, value, told = step
    text = f"{field} {value} -> {told} {_sentence(search, chosen, other, loss)}"
    if failed is not None:
        lost = f"{points(failed.loss.drop)} points ({points(failed.loss.low)} to {points(failed.loss.high)})"
        text += f"; on images that the search never saw, {lost} are lost against binary16"
    return Reason(field=field, value=value, other=told, point=place, saves=saves, share=share, loss=loss, text=text)


def _sentence(search: Search, chosen: Tried, other: Tried, loss: Loss | None) -> str:
    """What a neighbour gives, in words."""
    if chosen.lane is None or other.lane is None:
        return f"cannot be: {other.refused}"
    saves, bits = search.cost(chosen) - search.cost(other), chosen.lane.param_bits - other.lane.param_bits
    cost = _amounts(saves, saves / search.cost(chosen), bits, "pJ" if search.kind == "energy" else "GE")
    if loss is None:
        return f"{cost} and cannot be: {other.refused}"
    return f"{cost} and {_gained(loss) if saves < 0 else _lost(loss)}{_verdict(other)}"


def _amounts(saves: float, share: float, bits: int, unit: str) -> str:
    """What is saved, or costs more: of the lane, and bits of a column's parameters."""
    amount = f"{abs(saves):,.0f} {unit}" if unit == "GE" else f"{abs(saves):.3f} {unit}"
    amount += " (less than mappings scatter)" if abs(share) < SCATTER else f" ({100 * abs(share):.1f} %)"
    many = f"{abs(bits)} bit{'s' if abs(bits) > 1 else ''} a column"
    if not saves:
        return f"{'saves' if bits > 0 else 'costs'} {many}" if bits else "costs as much"
    told = f"{'saves' if saves > 0 else 'costs'} {amount}"
    if not bits:
        return told
    return f"{told} and {many}" if (bits > 0) == (saves > 0) else f"{told}, {'saves' if bits > 0 else 'costs'} {many}"


def _lost(loss: Loss) -> str:
    """What a neighbour that is no larger loses, in percentage points with limits."""
    amount = f"{points(loss.drop)} points ({points(loss.low)} to {points(loss.high)})"
    if loss.high < 0:
        return f"loses nothing: {amount}"
    return f"loses {'' if loss.significant else 'nothing that is seen: '}{amount}"


def _gained(loss: Loss) -> str:
    """What a neighbour that is larger gains."""
    amount = f"{points(-loss.drop)} points ({points(-loss.high)} to {points(-loss.low)})"
    if loss.significant:
        return f"gains nothing: {amount}"
    return f"gains {'' if loss.high < 0 else 'nothing that is seen: '}{amount}"


def _verdict(other: Tried) -> str:
    """How the neighbour stands against binary16, where it is not good enough."""
    if other.good or other.loss is None:
        return ""
    some = "" if other.whole else f" of the first {other.loss.images:,} images"
    return f"; against binary16 {points(other.loss.drop)} points{some} are lost, which is too much"


def points(share: float) -> str:
    """A share of images as percentage points; none is not negative."""
    return f"{round(100 * share, 2) + 0.0:.2f}"
