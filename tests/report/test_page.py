"""What holds for every page: it stands alone, and whatever it shows is text."""

import base64
import hashlib
import json
import re
from pathlib import Path

import plotly.graph_objects
import pytest

import splitrun.report
from splitrun.report.write import write
from tests.report.reading import Report
from tests.report.recordings import (
    arm,
    bench_directory,
    comparison,
    comparison_directory,
    run_directory,
    started,
    steps,
    whole_run,
)

VENDOR = Path(splitrun.report.__file__).parent / "vendor"
HOSTILE = "<script>alert(1)</script><b onload='x'>\"&amp;</script><!--"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    directory = tmp_path_factory.mktemp("pages")
    arms = [arm("sequential", 1000), arm("microbatch:4", 1100), arm("stale:4", 3900)]
    return [
        Report.read(write(run_directory(directory / "run", whole_run()))),
        Report.read(write(comparison_directory(directory / "both", comparison(*arms)))),
        Report.read(write(bench_directory(directory / "bench"))),
    ]


def test_nothing_on_a_page_refers_to_another_place(pages: list[Report]) -> None:
    for page in pages:
        for element in page.elements:
            assert not {"src", "href", "srcset", "action", "data", "ping"} & set(element.attributes)
            assert element.tag not in {"link", "iframe", "object", "embed", "base"}
        for style in page.texts("style"):
            assert "url(" not in style
            assert "@import" not in style
        assert "https://cdn." not in page.html


def test_a_page_may_run_its_own_two_scripts_and_load_nothing(pages: list[Report]) -> None:
    for page in pages:
        (policy,) = (
            element.attributes["content"]
            for element in page.elements
            if element.attributes.get("http-equiv") == "Content-Security-Policy"
        )
        digests = [
            base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            for script in page.scripts
        ]
        assert len(digests) == 2
        assert policy.split("; ") == [
            "default-src 'none'",
            f"script-src 'sha256-{digests[0]}' 'sha256-{digests[1]}'",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
        ]


def test_the_script_of_others_is_the_one_that_is_said_with_its_licence() -> None:
    told = (VENDOR / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `([\w.-]+)` \|.* (\w+), `([\w.]+)` \| `(\w{64})` \|", told)
    assert {name for name, *_ in rows} == {path.name for path in VENDOR.glob("*.js")}
    for name, licence, file, digest in rows:
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
        assert licence in (VENDOR / file).read_text(encoding="utf-8")


def test_a_page_takes_less_than_a_megabyte_and_a_half(pages: list[Report]) -> None:
    for page in pages:
        assert len(page.html.encode()) < 1.5e6


def test_plotly_is_on_a_page_once(pages: list[Report]) -> None:
    for page in pages:
        assert page.html.count("* plotly.js (basic - minified)") == 1


def test_every_chart_is_one_that_plotly_knows(pages: list[Report]) -> None:
    for page in pages:
        for chart in page.charts.values():
            plain = json.loads(re.sub(r"var\(--[\w-]+\)", "#123456", json.dumps(chart)))
            figure = plotly.graph_objects.Figure(plain["data"], plain["layout"])
            figure.update_layout(plain["narrow"])
            assert len(figure.data) == len(plain["data"]) > 0


def test_every_colour_of_a_chart_is_defined(pages: list[Report]) -> None:
    for page in pages:
        (style,) = page.texts("style")
        for name in set(re.findall(r"var\((--[\w-]+)\)", str(page.charts))):
            assert f"{name}: " in style


def test_charts_have_a_title_and_a_caption_also_for_those_who_cannot_see_them(
    pages: list[Report],
) -> None:
    for page in pages:
        spoken = [
            element.attributes["aria-label"]
            for element in page.elements
            if element.attributes.get("role") == "group"
        ]
        assert len(spoken) == len(page.charts) > 1
        captions = page.texts("figcaption")
        for title, words in zip(page.charts, spoken, strict=True):
            assert words.startswith(f"{title}. ")
            assert " ".join(words.split()).removeprefix(f"{title}. ") in captions


@pytest.mark.parametrize("where", ["run", "comparison"])
def test_names_from_strangers_are_text(tmp_path: Path, where: str) -> None:
    roles = (HOSTILE, "alice.top")
    recording = [started(roles=roles, channels=(HOSTILE,)), *steps(5)]
    if where == "run":
        directory = run_directory(tmp_path / "run", recording, message=HOSTILE, status="failed")
        (directory / "failure.txt").write_text(HOSTILE, encoding="utf-8")
        (directory / "resolved.yaml").write_text(HOSTILE, encoding="utf-8")
    else:
        spent = {"busy": 0.5, "receive": 0.5, "send": 0.0, "idle": 0.0}
        hostile = arm("stale:4", 4000.0, roles={HOSTILE: spent}, limited_by=HOSTILE)
        hostile["name"] = HOSTILE
        content = comparison(arm("sequential", 1000.0), hostile, name=HOSTILE, advice=HOSTILE)
        directory = comparison_directory(tmp_path / "both", content | {"settings": {"a": HOSTILE}})
    plain = run_directory(tmp_path / "plain", whole_run())
    page = Report.read(write(directory))
    assert page.scripts == Report.read(write(plain)).scripts
    assert not any("onload" in element.attributes for element in page.elements)
    assert any(HOSTILE in element.text for element in page.elements)
    for chart in page.charts.values():
        for trace in chart["data"]:
            assert "<script" not in str(trace)
        ticks = chart["layout"]["yaxis"].get("ticktext", [])
        assert not any("<" in tick for tick in ticks)
