"""The datapath of a tile: the core's lanes and sequencer, cut where a beat goes on or into the aggregation memory."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .conductor import pass_layout
from .config import NmpuConfig
from .frames import lacks_bytes
from .lane import Lane, lane_settings, tile_settings
from .modules import place
from .phases import count_phases, phase_ports
from .ports import config_ports
from .results import result_layout
from .sequencer import Sequencer, side_layout
from .stage import Pipeline

__all__ = ["Unit"]


def _unit_side(config: NmpuConfig) -> data.StructLayout:
    """What travels with a beat: the core's side band, its slot, its pass, and whether an operand was not to be
    trusted."""
    slots = range(max(config.array.slots, 2))
    return data.StructLayout({"core": side_layout(config), "slot": slots, "to": pass_layout(config), "mark": 1})


class Unit(wiring.Component):
    """Lanes in two pipelines.  The front ends with the register of the sums: a beat of a block that is not the last
    goes into the aggregation memory, a beat of the last block to the neighbour or to the back, where it is rounded.

    Latency: ``how.stages`` clocks for a last block.  A beat each ``derived.beat_cycles`` clocks, from block to block as
    well.

    Args:
        config: a configuration with a tile.

    Attributes:
        cfg_*, settings: the pass that is due, from the conductor.
        ready: parameters (and codes, where they come from an SRAM) of the slot that is due are there, and may be taken.
        stopping: drop what has not reached the back.
        restart: begin with the first slot of a pass.
        codes: ``codes_valid`` with ``codes``; taken with ``take``.
        keep, last: tkeep and tlast of that beat (with codes from a stream, and no front end before).
        param, param_wrong: decoded parameter words, and a bit a lane whose error could not be corrected.
        take, pass_end: a beat is taken; it is the last of its pass.
        willing: a beat would be worked on if all that it needs were there; ``lacking``: something is not;
        codes_ready: a beat would be taken if its codes were there.
        active, count: lanes of the slot that is due that are active, a bit each; and how many.
        slot, due_slot: slot that is due now, and in the next clock.
        frame: a beat is taken whose tlast or tkeep is not what it has to be (of those beats).
        sums_*: the aggregation memory (:class:`nmpu_hdl.sums.Sums`).
        sums_used: bit a lane: ``sums_rdata`` is used in this clock.
        res_valid, res_ready, res: residuals (with ``tile.residual``).
        si_*, so_*: partial sums from and to a neighbour (with ``tile.chain`` above 1).
        seen, sum, sum_active: a sum leaves the front for good: its lanes.
        starved: a beat waits for its residual.
        o: results.
        empty: no beat shows at the end of front or back, and none is taken.
        ended: a vector of a layer that asks for an interrupt, its last, leaves the lanes.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        lanes, slots = config.array.lanes, range(max(config.array.slots, 2))
        word, total = config.derived.param_width, config.derived.total.width
        counts = config.codes.counts * config.derived.operand.width
        members: dict[str, Any] = {
            **{p.name: In(signed(p.width) if p.signed else p.width) for p in config_ports(config)},
            "settings": In(pass_layout(config)),
            **dict.fromkeys(("ready", "stopping", "restart", "codes_valid"), In(1)),
            "codes": In(lanes * counts),
            "param": In(lanes * word),
            "param_wrong": In(lanes),
            **dict.fromkeys(("take", "pass_end", "willing", "lacking", "codes_ready", "frame"), Out(1)),
            "active": Out(lanes),
            "count": Out(range(lanes + 1)),
            "slot": Out(slots),
            "due_slot": Out(slots),
            "sums_ahead_en": Out(1),
            "sums_ahead_slot": Out(slots),
            "sums_rdata": In(lanes * total),
            "sums_wrong": In(lanes),
            "sums_write_en": Out(1),
            "sums_write_slot": Out(slots),
            "sums_wdata": Out(lanes * total),
            "sums_forward": Out(lanes * total),
            "sums_used": Out(lanes),
            "seen": Out(1),
            "sum_active": Out(range(lanes + 1)),
            **dict.fromkeys(("starved", "empty", "ended"), Out(1)),
            "o": Out(stream.Signature(result_layout(config))),
        }
        if self._framed:
            members |= {"keep": In(-(-lanes * counts // 8)), "last": In(1)}
        if config.tile.residual:
            members |= {"res_valid": In(1), "res_ready": Out(1), "res": In(lanes * config.output.format.width)}
        if config.tile.chain > 1:
            members |= {"si_valid": In(1), "si_ready": Out(1), "si": In(lanes * total), "si_mark": In(1)}
            members |= {"so_valid": Out(1), "so_ready": In(1), "so": Out(lanes * total), "so_last": Out(1)}
            members |= {"so_mark": Out(1)}
        super().__init__(members)

    @property
    def _framed(self) -> bool:
        """Whether beats of codes come from outside, with tkeep and tlast, as they are."""
        return self._config.tile.input == "stream" and not self._config.derived.front_end.present

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config = self._config
        sequencer = Sequencer(config)
        front = Pipeline(_unit_side(config), config.derived.front, moves=True)
        back = Pipeline(_unit_side(config), config.how.stages - config.derived.front)
        place(m, platform, "sequencer", sequencer)
        place(m, platform, "front", front)
        place(m, platform, "back", back)
        lanes = [Lane(config) for _ in range(config.array.lanes)]
        told = count_phases(m, platform, config, sequencer, step=self.willing & ~self.lacking, again=self.restart)
        self._take(m, sequencer, front, told.get("final", C(1, 1)))
        marked = self._accumulate(m, front, lanes)
        self._part(m, front, back, marked, lanes)
        self._connect_lanes(m, platform, front, back, lanes, told)
        self._results(m, front, back, lanes)
        return m

    def _take(self, m: Module, sequencer: Sequencer, front: Pipeline, final: Value) -> None:
        """A beat is taken when all that it is made of is there, in the last of its clocks."""
        config, s = self._config, self.settings
        sums_lack = self._needs_sums(m, final) if config.tile.chain > 1 else C(0, 1)
        for port in config_ports(config):
            m.d.comb += getattr(sequencer, port.name).eq(getattr(self, port.name))
        mark = (self.param_wrong & self.active).any()
        m.d.comb += [
            self.willing.eq(self.ready & front.i.ready),
            self.lacking.eq(sums_lack | ~self.codes_valid),
            self.codes_ready.eq(self.willing & ~sums_lack & final),
            self.take.eq(self.codes_ready & self.codes_valid),
            front.i.valid.eq(self.ready & ~self.lacking & final),
            front.i.payload.core.eq(sequencer.side),
            front.i.payload.slot.eq(sequencer.current),
            front.i.payload.to.eq(s),
            front.i.payload.mark.eq(mark),
            sequencer.take.eq(self.take),
            sequencer.restart.eq(self.restart),
            self.pass_end.eq(self.take & sequencer.side.last),
            self.slot.eq(sequencer.current),
            self.due_slot.eq(sequencer.slot),
            self.count.eq(sequencer.side.active),
            self.active.eq(Cat(sequencer.side.active > k for k in range(config.array.lanes))),
        ]
        if config.tile.chain > 1:
            m.d.comb += front.i.payload.mark.eq(mark | (s.first & s.sum_in & self.si_mark))
        if self._framed:
            width = config.codes.counts * config.derived.operand.width
            wrong = (self.last != sequencer.side.last) | lacks_bytes(self.keep, self.active, width)
            m.d.comb += self.frame.eq(self.take & wrong)

    def _needs_sums(self, m: Module, final: Value) -> Signal:
        """A neighbour's sums are lacking; they are taken together with the codes."""
        needed, lacking = Signal(name="needs_sums"), Signal(name="lacks_sums")
        m.d.comb += [
            needed.eq(self.settings.first & self.settings.sum_in),
            lacking.eq(needed & ~self.si_valid),
            self.si_ready.eq(self.willing & needed & self.codes_valid & final),
        ]
        return lacking

    def _accumulate(self, m: Module, front: Pipeline, lanes: list[Lane]) -> Signal:
        """The aggregation memory around the last stage of the front.

        What a beat adds to is read when it enters that stage, and written when it leaves it: blocks of a single slot
        follow each other so closely that the memory hands on what the register holds.
        """
        config, end = self._config, self._config.derived.front - 1
        here, moves = front.at[end], front.moves[end]
        width = config.derived.total.width
        if end:
            m.d.comb += [self.sums_ahead_en.eq(front.moves[end - 1]), self.sums_ahead_slot.eq(front.at[end - 1].slot)]
        else:
            m.d.comb += [self.sums_ahead_en.eq(self.take), self.sums_ahead_slot.eq(self.due_slot)]
        m.d.comb += [
            self.sums_write_en.eq(moves & ~here.to.final),
            self.sums_write_slot.eq(here.slot),
            self.sums_wdata.eq(Cat(lane.total for lane in lanes)),
            self.sums_forward.eq(Cat(lane.sum for lane in lanes)),
        ]
        used = Signal(config.array.lanes, name="partial_used")
        m.d.comb += used.eq(Cat(~here.to.first & (here.core.active > k) for k in range(config.array.lanes)))
        m.d.comb += self.sums_used.eq(Mux(moves, used, 0))
        for k, lane in enumerate(lanes):
            if config.tile.blocks > 1:
                m.d.comb += lane.partial.eq(Mux(here.to.first, 0, self.sums_rdata.word_select(k, width)))
            if config.tile.chain > 1:
                m.d.comb += lane.start.eq(here.to.first & here.to.sum_in)
        # An error stays with the vector: from the slot and block where it was found to the end of the vector.
        marked = Signal(name="marked", reset_less=True)
        fresh = here.to.first & (here.slot == 0)
        with m.If(moves):
            m.d.sync += marked.eq(here.mark | (used & self.sums_wrong).any() | (marked & ~fresh))
        return marked

    def _part(self, m: Module, front: Pipeline, back: Pipeline, marked: Signal, lanes: list[Lane]) -> None:
        """Where beats part: a last block goes to the neighbour or to the back, any other is in the memory by now."""
        config, beat, valid = self._config, front.o.payload, front.o.valid
        fed, onward = Signal(name="fed"), Signal(name="onward")
        away = Signal(name="away")
        m.d.comb += [
            away.eq(beat.to.sum_out if config.tile.chain > 1 else 0),
            fed.eq(~beat.to.use_residual | self.res_valid if config.tile.residual else 1),
            onward.eq(valid & beat.to.final & ~away & ~self.stopping),
            back.i.valid.eq(onward & fed),
            back.i.payload.eq(beat),
            back.i.payload.mark.eq(marked),
            self.starved.eq(onward & back.i.ready & ~fed),
        ]
        leaves = Mux(away, self.so_ready, 0) if config.tile.chain > 1 else 0
        gone = Mux(away, leaves, self.stopping | (back.i.ready & fed))
        m.d.comb += front.o.ready.eq(~beat.to.final | gone)
        m.d.comb += [
            self.seen.eq(valid & beat.to.final & gone & ~(self.stopping & ~away)),
            self.sum_active.eq(beat.core.active),
            self.empty.eq(~valid & ~back.o.valid & ~self.take),
        ]
        if config.tile.residual:
            m.d.comb += self.res_ready.eq(onward & beat.to.use_residual & back.i.ready)
        if config.tile.chain > 1:
            on = [beat.core.active > k for k in range(config.array.lanes)]
            m.d.comb += [
                self.so_valid.eq(valid & beat.to.final & away),
                self.so.eq(Cat(Mux(here, lane.sum, 0)[: len(lane.sum)] for here, lane in zip(on, lanes, strict=True))),
                self.so_last.eq(beat.core.last),
                self.so_mark.eq(marked),
            ]

    def _connect_lanes(
        self, m: Module, platform: Any, front: Pipeline, back: Pipeline, lanes: list[Lane], told: dict[str, Value]
    ) -> None:
        config, derived = self._config, self._config.derived
        ends = derived.front
        # The register of the sums moves only with a beat, for the memory hands on what it holds.
        enable = Cat(front.enable[: ends - 1], front.moves[ends - 1], back.enable)
        at = [*(front.at[k] for k in range(ends)), *(back.at[k] for k in range(config.how.stages - ends))]
        finish = at[derived.stage_of["finish"]]
        for k, lane in enumerate(lanes):
            place(m, platform, "lane", lane, f"lane_{k}")
            m.d.comb += [
                lane.codes.eq(self.codes.word_select(k, len(lane.codes))),
                lane.param.eq(self.param.word_select(k, len(lane.param))),
                lane.enable.eq(enable),
            ]
            m.d.comb += [getattr(lane, name).eq(told[name]) for name in phase_ports(config)]
            if config.tile.residual:
                m.d.comb += lane.residual.eq(self.res.word_select(k, len(lane.residual)))
            if config.tile.chain > 1:
                m.d.comb += lane.neighbour.eq(self.si.word_select(k, derived.total.width))
            for name, (step, _) in lane_settings(config).items():
                m.d.comb += getattr(lane, name).eq(getattr(at[derived.stage_of[step]].core, name))
            for name in tile_settings(config):
                here = finish.to.tag.width if name == "width" else getattr(at[ends].to, name)
                m.d.comb += getattr(lane, name).eq(here)

    def _results(self, m: Module, front: Pipeline, back: Pipeline, lanes: list[Lane]) -> None:
        beat, result = back.o.payload, self.o.payload
        m.d.comb += [
            self.o.valid.eq(back.o.valid),
            back.o.ready.eq(self.o.ready),
            result.active.eq(beat.core.active),
            result.slot.eq(beat.slot),
            result.last.eq(beat.core.last),
            result.mark.eq(beat.mark),
            result.tag.eq(beat.to.tag),
        ]
        ended = self.o.valid & self.o.ready & beat.to.tag.ends & beat.core.last
        if self._config.tile.chain > 1:
            ended |= self.so_valid & self.so_ready & self.so_last & front.o.payload.to.tag.ends
        m.d.comb += self.ended.eq(ended)
        for k, lane in enumerate(lanes):
            on = beat.core.active > k
            m.d.comb += [
                result.y[k].eq(Mux(on, lane.y, 0)),
                result.low[k].eq(on & lane.low),
                result.high[k].eq(on & lane.high),
            ]
