"""Files of measurements: NPZ and CSV give the same, and what does not fit is told in one line."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.calibrate_files import read_batch_norm, read_pairs
from nmpu_hdl.presets import load

from .measuring import KnownArray, results
from .test_calibrate import PAPER, SMALL

SIGNED = load(preset_name="aon-cim", settings=SMALL)
TILE = load(preset_name="tile", settings=SMALL)


def write_csv(file: Path, codes: Any, ideal: Any, *, blocks: bool) -> Path:
    """As docs/calibration.md has it, in random order."""
    several = codes.shape[2] == 2
    by_count = ideal.ndim == 4 and several
    head = ["vector", *(["block"] if blocks else []), "column", *(["p", "n"] if several else ["code"])]
    rows = [",".join([*head, *(["ideal_p", "ideal_n"] if by_count else ["ideal"])])]
    places = np.random.default_rng(1).permutation(list(np.ndindex(codes.shape[0], codes.shape[1], codes.shape[3])))
    for v, b, n in places:
        told = ideal[v, b, :, n] if ideal.ndim == 4 else [ideal[v, b, n]]
        rows.append(",".join(map(str, [v, *([b] if blocks else []), n, *codes[v, b, :, n], *map(float, told)])))
    file.write_text("\n".join(rows) + "\n")
    return file


@pytest.mark.parametrize("name", ["count", "joint", "signed", "blocks", "blocks joint"])
def test_npz_and_csv(name: str, tmp_path: Path) -> None:
    config = {"signed": SIGNED, "blocks": TILE, "blocks joint": TILE}.get(name, PAPER)
    rng = np.random.default_rng(2)
    codes, sums = KnownArray.draw(config, rng, blocks=3 if "blocks" in name else 1).measure(rng, 5)
    ideal = results(sums) if "joint" in name or name == "signed" else sums
    np.savez(tmp_path / "pairs.npz", codes=codes, ideal=ideal, bias=np.arange(32))
    found = read_pairs(config, tmp_path / "pairs.npz")
    table = read_pairs(config, write_csv(tmp_path / "pairs.csv", codes, ideal, blocks="blocks" in name))
    for one in (found, table):
        assert np.array_equal(one.pairs.codes, codes)
        assert np.array_equal(one.pairs.ideal.reshape(ideal.shape), ideal)
        assert one.pairs.kind == found.pairs.kind
    assert np.array_equal(found.bias, np.arange(32))
    assert not table.bias.any()


CSV = "vector,column,p,n,ideal\n0,0,1,2,0.5\n0,1,3,4,1.5\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: there is no column 'vector'; vector, column, p, n, ideal (ideal or ideal_p, ideal_n) would do"),
        (CSV.replace("ideal", "sum"), "line 1: there is no column 'ideal'; vector, column, p, n, ideal "),
        (CSV.replace("p,n", "p,n,m"), "line 1: the column 'm' is unknown; vector, column, p, n, ideal "),
        (CSV.replace("p,n", "p,n,n"), "line 1: the column 'n' is there twice; "),
        (CSV.replace("3,4", "3"), "line 3: 4 values under 5 names"),
        (CSV.replace("0.5", "half"), "line 2: 'half' is no number"),
        (CSV.replace("0.5", "nan"), "line 2: nan is not finite"),
        (CSV.replace("0,1,3", "0,1,3.5"), "line 3: p = 3.5 is no whole number"),
        (CSV.replace("0,1,3", "0,-1,3"), "line 3: column = -1 is not one from 0 to 268435455"),
        (CSV.replace("0,1,3", "0,2,3"), "2 rows are not 1 x 3: one for each vector, column, counted from 0, would do"),
        (CSV + "1,1,3,4,1\n1,1,3,4,1\n", "vector 1, column 0 is there 0 times; each of 2 x 2 once would do"),
        (CSV.splitlines()[0], "there are no rows; one for each vector and column would do"),
        (CSV.replace("3,4", "3,4000"), "line 3: n = 4000 is not one of UQ10.0 from 0 to 1023"),
        (CSV.replace("3,4", "3,1e300"), "line 3: n = 1e+300 is not one of UQ10.0 from 0 to 1023"),
        (CSV.replace("0,1,3", "99999999999999999999,1,3"), "line 3: vector = 1e+20 is not one from 0 to 268435455"),
        (CSV.replace("0,1,3", "\n\n0,1,x"), "line 5: 'x' is no number"),
        (CSV.replace("1.5", "1e300"), "ideal results of column 1 are up to 1e+300; 0, or 1e-30 to 1e+30, would do: "),
        ("\0\udcff", "not a CSV file in UTF-8: "),
    ],
)
def test_csv_that_does_not_fit(text: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=f"^{re.escape(f'{file}: {complaint}')}") as raised:
        read_pairs(PAPER, file)
    assert "\n" not in str(raised.value)


GOOD = {"codes": np.ones((3, 2, 4), int), "ideal": np.zeros((3, 4))}


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"codes": GOOD["codes"]}, "there is no array 'ideal'; codes and ideal would do"),
        (GOOD | {"gains": np.ones(4)}, "unknown array 'gains'; codes, ideal, bias are known"),
        (GOOD | {"codes": np.ones((3, 2, 4))}, "codes must be integers, not float64"),
        (GOOD | {"codes": np.ones((3, 1, 4), int)}, "codes of shape (3, 1, 4) are not (vectors, [blocks,] counts, "),
        (GOOD | {"ideal": np.zeros((3, 5))}, "ideal results of shape (3, 5) do not fit codes of (3, 2, 4); (3, 4), "),
        (GOOD | {"ideal": np.full((3, 4), np.inf)}, "the ideal result at (0, 0) is inf; finite numbers would do"),
        (GOOD | {"ideal": np.full((3, 4), 1e-310)}, "ideal results of column 0 are up to 1e-310; 0, or 1e-30 to 1e+30"),
        (GOOD | {"ideal": np.full((3, 4), np.longdouble("1e400"))}, "ideal results of column 0 are up to "),
        (GOOD | {"bias": np.full(4, -1e200)}, "bias has a number beyond 1e+30; choose another unit"),
        (GOOD | {"bias": np.zeros(3)}, "bias of shape (3,) is not one number for each of 4 columns"),
        (GOOD | {"bias": np.array([0, 1, np.nan, 0])}, "bias of column 2 is not a finite number"),
    ],
)
def test_npz_that_does_not_fit(arrays: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "pairs.npz"
    np.savez(file, **arrays)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{file}: {complaint}')}") as raised:
        read_pairs(PAPER, file)
    assert "\n" not in str(raised.value)


def damaged(folder: Path) -> bytes:
    """Pairs whose deflate stream is broken."""
    np.savez_compressed(folder / "whole.npz", codes=GOOD["codes"], ideal=GOOD["ideal"])
    content = bytearray((folder / "whole.npz").read_bytes())
    for place in range(60, len(content) // 2):
        trial = content[:place] + bytes([content[place] ^ 0xFF, 0x5A]) + content[place + 2 :]
        (folder / "whole.npz").write_bytes(trial)
        try:
            with np.load(folder / "whole.npz") as file:
                dict(file)
        except zlib.error:
            return bytes(trial)
        except (ValueError, zipfile.BadZipFile, EOFError):
            continue
    raise AssertionError("no place breaks the stream")


def test_files_that_are_something_else(tmp_path: Path) -> None:
    for name, content, complaint in (
        ("a.npz", b"not a zip file", "no .npz of plain arrays"),
        ("b.npz", b"PK\x03\x04 broken", "no .npz of plain arrays"),
        ("e.npz", damaged(tmp_path), "no .npz of plain arrays"),
        ("c.xlsx", b"", "'.xlsx' is not known; .npz or .csv would do"),
        ("d.npz", b"", "no .npz of plain arrays"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}(:| is) {complaint}") as raised:
            read_pairs(PAPER, tmp_path / name)
        assert "\n" not in str(raised.value)
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(ValueError, match=r"one\.npz is no \.npz of plain arrays \(it is one array\)"):
        read_pairs(PAPER, tmp_path / "one.npz")
    with pytest.raises(FileNotFoundError):
        read_pairs(PAPER, tmp_path / "none.npz")


NORM: dict[str, Any] = {"gamma": np.ones(4), "beta": np.zeros(4), "mean": np.zeros(4), "variance": np.arange(4)}


def test_batch_norm(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **NORM, eps=1e-3)
    torch: dict[str, Any] = {
        "weight": NORM["gamma"],
        "bias": NORM["beta"],
        "running_mean": 0.0,
        "running_var": NORM["variance"],
    }
    np.savez(tmp_path / "b.npz", **torch)
    ours, theirs = (read_batch_norm(tmp_path / name, 4) for name in ("a.npz", "b.npz"))
    assert (ours.eps, theirs.eps) == (1e-3, 1e-5)
    for one, other in zip(ours[:4], theirs[:4], strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"gamma": np.ones(4)}, "there is no array 'beta'; gamma, beta, mean and variance would do"),
        (NORM | {"weight": np.ones(4)}, "'gamma' and 'weight' mean the same; one would do"),
        (NORM | {"variance": np.array([1, 1, -2, 1])}, "the variance of column 2 is -2; 0 or more would do"),
        (NORM | {"mean": np.zeros(5)}, "mean of shape (5,) is not one number for each of 4 columns"),
        (NORM | {"eps": np.array(-1.0)}, "eps is not one number of 0 to 1e+30"),
        (NORM | {"eps": np.array(0.0)}, "variance + eps of column 0 is 0; 1e-30 or more would do"),
        (NORM | {"eps": np.array("x")}, "eps is not one number of 0 to 1e+30"),
        (NORM | {"gamma": np.full(4, 1e300)}, "gamma has a number beyond 1e+30; choose another unit"),
    ],
)
def test_batch_norm_that_does_not_fit(arrays: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bn.npz", **arrays)
    with pytest.raises(ValueError, match=f"{re.escape(complaint)}$"):
        read_batch_norm(tmp_path / "bn.npz", 4)
