"""Words and scale of a picture of a layout: klayout's own letters, in places given in um."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from klayout import db

__all__ = ["Label", "Pen"]

_LETTER = 0.88
"""Width of a letter, of its height, on the average and a little more."""

_SIDES = ("left", "bottom", "right", "top")


@dataclass(frozen=True)
class Label:
    """A word beside an edge: which edge (``left``, ``right``, ``top``, ``bottom``), and the ends of what it names."""

    words: str
    side: str
    first: float
    last: float


class Pen:
    """Writes around a frame, and keeps what it wrote.

    Args:
        frame: what the words are around, um.
        dbu: klayout's unit of length, um.
    """

    def __init__(self, frame: db.DBox, dbu: float) -> None:
        self.frame, self.dbu = frame, dbu
        self.unit = max(frame.width(), frame.height()) / 100
        """A hundredth of the longer side: words are 1 to 3 high."""
        self.words = list[db.DText]()
        self.lines = db.Region()

    def box(self, left: float, bottom: float, right: float, top: float) -> db.Region:
        """A rectangle."""
        return db.Region(db.DBox(left, bottom, right, top).to_itype(self.dbu))

    def write(
        self, words: str, x: float, y: float, height: float, *, ends: bool = False, upwards: bool = False
    ) -> None:
        """Words that begin at a point, or end there; they may run upwards.  The point is in the middle of the line."""
        text = db.DText(words, db.DTrans(1 if upwards else 0, False, x, y))
        text.size = height
        text.halign = db.HAlign.HAlignRight if ends else db.HAlign.HAlignLeft
        text.valign = db.VAlign.VAlignCenter
        self.words.append(text)

    def length(self, words: str, height: float) -> float:
        """How long words of that height are, about."""
        return len(words) * height * _LETTER

    def title(self, words: str, x: float, y: float) -> None:
        """Words twice a unit high, or as high as they fit above the frame."""
        self.write(words, x, y, min(2 * self.unit, self.frame.width() / self.length(words, 1)))

    def label(self, labels: Sequence[Label]) -> db.DBox:
        """Write labels along all sides, each as near to its middle as the others leave it; how far they reach."""
        reach = dict.fromkeys(_SIDES, 2 * self.unit)
        for side in _SIDES:
            here = sorted((label for label in labels if label.side == side), key=lambda label: label.first)
            height, places = self._spread(here, side)
            for label, place in zip(here, places, strict=True):
                self._label(label, place, height)
                reach[side] = max(reach[side], 3 * self.unit + self.length(label.words, height))
        left, bottom, right, top = reach.values()
        frame = self.frame
        return db.DBox(frame.left - left, frame.bottom - bottom, frame.right + right, frame.top + top)

    def _spread(self, labels: Sequence[Label], side: str) -> tuple[float, list[float]]:
        """How high the labels of a side are, and where the middles of their lines."""
        upright = side in ("left", "right")
        low, high = (self.frame.bottom, self.frame.top) if upright else (self.frame.left, self.frame.right)
        height = min(1.4 * self.unit, (high - low) / max(len(labels), 1) / 1.4)
        places: list[float] = []
        for label in labels:
            middle = (label.first + label.last) / 2
            places.append(max(middle, places[-1] + 1.4 * height if places else low + height / 2))
        limit = high - height / 2
        for index in reversed(range(len(places))):
            places[index] = min(places[index], limit)
            limit = places[index] - 1.4 * height
        return height, places

    def _label(self, label: Label, place: float, height: float) -> None:
        """A bar along what is named, a line from it, and the words."""
        unit, thin = self.unit, 0.08 * self.unit
        sign = 1 if label.side in ("right", "top") else -1
        edge: float = getattr(self.frame, label.side)
        near, far = edge + 0.8 * sign * unit, edge + 2.2 * sign * unit
        points = [db.DPoint(near, (label.first + label.last) / 2), db.DPoint(far, place)]
        bar = db.DBox(near - thin, label.first - thin, near + thin, label.last + thin)
        at = (far + 0.4 * sign * unit, place)
        across = label.side in ("bottom", "top")
        if across:
            points = [db.DPoint(point.y, point.x) for point in points]
            bar = db.DBox(bar.bottom, bar.left, bar.top, bar.right)
            at = (at[1], at[0])
        self.lines.insert(db.DPath(points, thin).polygon().to_itype(self.dbu))
        self.lines.insert(bar.to_itype(self.dbu))
        self.write(label.words, *at, height, ends=sign < 0, upwards=across)

    def scale(self, right: float, bottom: float) -> None:
        """A bar of a round length, about a sixth of the frame, that ends at a point."""
        wanted = self.frame.width() / 6
        power = 10 ** math.floor(math.log10(wanted))
        length: float = max(power * step for step in (1, 2, 5) if power * step <= wanted)
        left, unit = right - length, self.unit
        self.lines += self.box(left, bottom, right, bottom + 0.3 * unit)
        for end in (left, right):
            self.lines += self.box(end - 0.1 * unit, bottom - 0.4 * unit, end + 0.1 * unit, bottom + 0.7 * unit)
        self.write(f"{length:g} um", left, bottom + 2.2 * unit, 1.7 * unit)
