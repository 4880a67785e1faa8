from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from eyeward.data.augment.presets import EYEWARD
from eyeward.data.building import Build
from eyeward.data.changes import StanceChanged, WordingChanged
from eyeward.data.events import LabelEvent, LabelField
from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.report import BuildReport
from eyeward.data.sample import Sample, Severity, Split
from eyeward.data.split import Amount, Plan
from eyeward.errors import DataError, UsageError
from eyeward.images.hashes import sha256_of_bytes
from eyeward.policy import Stance
from eyeward.scenes.labels import write_scenes
from eyeward.scenes.relabelling import by_scene
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT, encoded, picture
from tests.data.importing.imports import imported

WEAPONS = "O6: Weapons or Substance Abuse"
HALF = Plan(test=Amount(share=0.5), validation=Amount(share=0.0))


@dataclass(frozen=True)
class Built:
    folder: SampleFolder
    samples: list[Sample]
    report: BuildReport

    @property
    def reasons(self) -> dict[str, int]:
        return {item.reason: item.rows for item in self.report.rows.discarded}


def folder_of(path: Path, *rows: tuple[bytes, Sample]) -> Path:
    path.mkdir(parents=True)
    writer = SampleWriter(path)
    for data, sample in rows:
        (path / sample.image).write_bytes(data)
        writer.write(sample)
    writer.finish()
    return path


def labelled(image: str, group: str | None = None, safe: bool = True, split: Split | None = None) -> Sample:
    return Sample(
        image=image,
        category=NA if safe else WEAPONS,
        rating=Rating.Safe if safe else Rating.Unsafe,
        group=group or image,
        source="somewhere",
        split=split,
    )


def built(out: Path, *folders: Path, plan: Plan = HALF, keep_copies: bool = True, resplit: bool = False) -> Built:
    report = Build(out, plan, keep_copies=keep_copies, resplit=resplit).run(folders)
    folder = SampleFolder(out)
    samples = list(folder)
    assert report.rows.taken == len(samples)
    assert report.rows.rows == report.rows.taken + report.rows.discarded_rows
    assert all(folder.image_of(sample).is_file() for sample in samples)
    assert no_group_crosses(samples)
    return Built(folder, samples, report)


def no_group_crosses(samples: Sequence[Sample]) -> bool:
    sides: defaultdict[str, set[Split | None]] = defaultdict(set)
    for sample in samples:
        sides[sample.group].add(sample.split)
    return all(len(found) == 1 and None not in found for found in sides.values())


def files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def copies(seed: int) -> list[bytes]:
    original = picture(seed, 120)
    return [
        encoded(original),
        encoded(original, "JPEG", quality=50),
        encoded(original.resize((70, 60))),
        encoded(ImageEnhance.Brightness(original).enhance(0.85)),
    ]


def test_copies_of_an_image_are_one_group_and_stand_on_one_side(tmp_path: Path) -> None:
    rows = [(data, labelled(f"{seed}-{number}.png")) for seed in range(10) for number, data in enumerate(copies(seed))]
    done = built(tmp_path / "out", folder_of(tmp_path / "in", *rows))
    assert (done.report.images, done.report.groups, done.report.groups_of_copies) == (40, 10, 10)
    assert done.report.largest_group == 4
    assert {sample.split for sample in done.samples} == {Split.TRAIN, Split.TEST}


def test_without_near_duplicates_every_image_stands_alone(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", *((data, labelled(f"{n}.png")) for n, data in enumerate(copies(1))))
    report = Build(tmp_path / "out", HALF, near_bits=None).run([source])
    assert report.groups == 4


def test_copies_can_be_dropped_and_are_counted(tmp_path: Path) -> None:
    rows = [(data, labelled(f"{number}.png")) for number, data in enumerate([*copies(1), *copies(2)])]
    done = built(tmp_path / "out", folder_of(tmp_path / "in", *rows), keep_copies=False)
    assert len(done.samples) == 2
    assert done.reasons == {"near_duplicate": 6}
    assert (done.report.groups_of_copies, done.report.images) == (0, 2)


def test_groups_of_the_sources_are_kept_together_across_folders(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "a", (encoded(picture(1)), labelled("1.png", "scene-1")))
    two = folder_of(tmp_path / "b", (encoded(picture(2)), labelled("1.png", "scene-1")))
    done = built(tmp_path / "out", one, two)
    assert [sample.group for sample in done.samples] == ["scene-1", "scene-1"]


def test_equal_names_of_different_sources_are_different_groups(tmp_path: Path) -> None:
    other = labelled("1.png", "1").model_copy(update={"source": "elsewhere"})
    one = folder_of(tmp_path / "a", (encoded(picture(1)), labelled("1.png", "1")))
    two = folder_of(tmp_path / "b", (encoded(picture(2)), other))
    assert len({sample.group for sample in built(tmp_path / "out", one, two).samples}) == 2


def test_the_same_image_in_two_folders_is_taken_once_and_a_contradiction_not_at_all(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "a", *((encoded(picture(n)), labelled(f"{n}.png")) for n in range(3)))
    two = folder_of(
        tmp_path / "b",
        (encoded(picture(0)), labelled("x.png")),
        (encoded(picture(1)), labelled("y.png", safe=False)),
    )
    done = built(tmp_path / "out", one, two)
    assert done.reasons == {"two_labels": 2, "same_label_again": 1}
    assert len(done.samples) == 2


def test_the_default_policy_is_one_policy_whether_a_row_names_it_or_not(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "a", (encoded(picture(1)), labelled("1.png")), (encoded(picture(2)), labelled("2.png")))
    named = [labelled("1.png", safe=False), labelled("2.png")]
    rows = [(encoded(picture(n)), item.model_copy(update={"policy": DEFAULT})) for n, item in enumerate(named, start=1)]
    two = folder_of(tmp_path / "b", *rows)
    lines = (two / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["policy"] for line in lines] == [DEFAULT.hash] * 2
    done = built(tmp_path / "out", one, two)
    assert done.reasons == {"two_labels": 2, "same_label_again": 1}
    assert [sample.policy for sample in done.samples] == [None]


def test_near_copies_with_other_labels_are_kept_and_named(tmp_path: Path) -> None:
    first, second, *_ = copies(1)
    source = folder_of(tmp_path / "in", (first, labelled("1.png")), (second, labelled("2.jpg", safe=False)))
    done = built(tmp_path / "out", source)
    assert len(done.samples) == 2
    assert done.report.disputed_pairs == 1
    assert done.report.disputed == ("labels.jsonl: row 1 and labels.jsonl: row 2",)


def test_sides_that_were_given_stay_and_a_copy_of_a_test_image_leaves_training(tmp_path: Path) -> None:
    first, second, *_ = copies(1)
    source = folder_of(
        tmp_path / "in",
        (first, labelled("1.png", split=Split.TEST)),
        (second, labelled("2.jpg", split=Split.TRAIN)),
        (encoded(picture(5)), labelled("3.png", split=Split.TRAIN)),
    )
    done = built(tmp_path / "out", source)
    assert [sample.split for sample in done.samples] == [Split.TEST, Split.TRAIN]
    assert done.reasons == {"crosses_split": 1}
    again = built(tmp_path / "again", source, resplit=True)
    assert len(again.samples) == 3


def test_augmented_siblings_go_where_their_image_goes(tmp_path: Path) -> None:
    rows = []
    for seed in range(12):
        data = encoded(picture(seed))
        plain = labelled(f"{seed}.png", safe=False)
        exempt = plain.model_copy(
            update={
                "rating": Rating.Safe,
                "policy": DEFAULT.non_violating("O6"),
                "changes": (StanceChanged(category="O6", to=Stance.non_violating),),
            }
        )
        rows += [(data, plain), (data, exempt)]
    done = built(tmp_path / "out", folder_of(tmp_path / "in", *rows))
    assert len(done.samples) == 24
    assert done.report.images == 12
    by_split = {split: sum(sample.split is split for sample in done.samples) for split in Split}
    assert by_split == {Split.TRAIN: 12, Split.VALIDATION: 0, Split.TEST: 12}
    assert {sample.policy for sample in done.samples} == {None, DEFAULT.non_violating("O6").hash}
    assert done.folder.policy_of(done.samples[1]) == DEFAULT.non_violating("O6")


def test_broken_rows_and_images_are_named(tmp_path: Path) -> None:
    source = folder_of(
        tmp_path / "in",
        (encoded(picture(1)), labelled("1.png")),
        (b"no image", labelled("2.png")),
        (encoded(picture(3))[:-100], labelled("3.png")),
    )
    with (source / "labels.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(labelled("gone.png").to_json() + "\n{}\n")
    done = built(tmp_path / "out", source)
    expected = {"unsupported_format": 1, "truncated": 1, "not_found": 1, "no_image": 1}
    assert done.reasons == expected
    lines_read = (tmp_path / "out" / "discarded.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(json.loads(line)["reason"] for line in lines_read) == sorted(expected)


def test_the_same_folders_and_seed_build_the_same_files(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 20, 3, size=48)
    for name in ("a", "b"):
        built(tmp_path / name, tmp_path / "scenes", resplit=True)
    first, second = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("a", "b")
    )
    assert first == second


def test_wrong_usage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to build from"):
        Build(tmp_path / "a").run([])
    with pytest.raises(DataError, match="no labels.jsonl"):
        Build(tmp_path / "b").run([tmp_path])
    (tmp_path / "b" / "kept").touch()
    with pytest.raises(UsageError, match="not empty"):
        Build(tmp_path / "b")


ROWS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 2),
        st.sampled_from(list(Severity)),
        st.sampled_from([None, *Split]),
        st.sampled_from(["g1", "g2", "g3", "g4"]),
    ),
    max_size=14,
)
PICTURES = [[encoded(Image.open(io.BytesIO(data)).resize((24, 24))) for data in copies(seed)] for seed in range(6)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.integers(0, 3))
def test_whatever_comes_in_no_group_crosses_and_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, int, Severity, Split | None, str]], seed: int
) -> None:
    place = tmp_path_factory.mktemp("any")
    rows = []
    for number, (image, copy, severity, split, group) in enumerate(drawn):
        sample = Sample(
            image=f"{number}.png",
            category=WEAPONS,
            rating=severity.rating,
            severity=severity,
            split=split,
            group=group,
            source="somewhere",
        )
        rows.append((PICTURES[image][copy], sample))
    done = built(place / "out", folder_of(place / "in", *rows), plan=HALF.model_copy(update={"seed": seed}))
    assert done.report.rows.rows == len(rows)


def test_a_build_with_augmentation_puts_every_variant_beside_its_image(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 30, 3, size=40)
    build = Build(tmp_path / "out", HALF, resplit=True, augmentation=EYEWARD, labeller=by_scene)
    report = build.run([tmp_path / "scenes"])
    folder = SampleFolder(tmp_path / "out")
    samples = list(folder)
    assert report.rows.taken == 30
    assert report.augmented == len(samples) - 30 > 60
    assert sum(report.left_out.values()) > 0
    assert no_group_crosses(samples)
    side_of = {sample.image: sample.split for sample in samples if not sample.augmented}
    assert all(sample.split is side_of[sample.image] for sample in samples)
    for sample in samples:
        assert folder.policy_of(sample).hash == (sample.policy or DEFAULT.hash)


def exempt_of(plain: Sample) -> Sample:
    change = StanceChanged(category="O6", to=Stance.non_violating)
    policy = DEFAULT.non_violating("O6")
    return plain.model_copy(update={"rating": Rating.Safe, "policy": policy, "changes": (change,)})


def test_what_a_side_lacks_is_named_by_category_and_severity(tmp_path: Path) -> None:
    severe = labelled("1.png", safe=False).model_copy(update={"severity": Severity.HIGHLY_UNSAFE})
    rows = ((encoded(picture(1)), severe), (encoded(picture(2)), labelled("2.png", safe=False)))
    plan = Plan(test=Amount(unsafe_each=5, images=0), validation=Amount(share=0.0))
    done = built(tmp_path / "out", folder_of(tmp_path / "in", *rows), plan=plan)
    assert done.report.missing == {"test": {"O6 highly_unsafe": 4, "O6 Unsafe": 4}}


def test_another_severity_is_another_label(tmp_path: Path) -> None:
    severe = labelled("1.png", safe=False).model_copy(update={"severity": Severity.HIGHLY_UNSAFE})
    mild = severe.model_copy(update={"severity": Severity.MODERATELY_UNSAFE})
    one, two = (folder_of(tmp_path / name, (encoded(picture(1)), row)) for name, row in (("a", severe), ("b", mild)))
    assert built(tmp_path / "out", one, two).reasons == {"two_labels": 2}


def test_the_largest_group_is_told_among_others(tmp_path: Path) -> None:
    rows = [(data, labelled(f"{number}.png")) for number, data in enumerate([*copies(1), encoded(picture(2))])]
    report = built(tmp_path / "out", folder_of(tmp_path / "in", *rows)).report
    assert (report.groups, report.largest_group, report.groups_of_copies) == (2, 4, 1)


def test_an_image_is_stratified_by_the_label_of_its_annotator_wherever_it_stands(tmp_path: Path) -> None:
    plain = labelled("1.png", safe=False)
    source = folder_of(tmp_path / "in", (encoded(picture(1)), exempt_of(plain)), (encoded(picture(1)), plain))
    plan = Plan(test=Amount(unsafe_each=1, images=0), validation=Amount(share=0.0))
    assert {sample.split for sample in built(tmp_path / "out", source, plan=plan).samples} == {Split.TEST}


def test_a_side_that_only_an_augmented_sample_was_given_counts_for_its_image(tmp_path: Path) -> None:
    plain = labelled("1.png", safe=False)
    given = exempt_of(plain).model_copy(update={"split": Split.TEST})
    source = folder_of(tmp_path / "in", (encoded(picture(1)), plain), (encoded(picture(1)), given))
    nothing = Plan(test=Amount(share=0.0), validation=Amount(share=0.0))
    done = built(tmp_path / "out", source, plan=nothing)
    assert ([sample.split for sample in done.samples], done.reasons) == ([Split.TEST, Split.TEST], {})


def test_how_far_copies_may_be_apart_is_as_asked(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", *((data, labelled(f"{n}.png")) for n, data in enumerate(copies(1))))
    groups = {bits: Build(tmp_path / f"out{bits}", HALF, near_bits=bits).run([source]).groups for bits in (0, 7)}
    assert groups[7] == 1 < groups[0]


def test_near_copies_under_different_policies_contradict_nothing(tmp_path: Path) -> None:
    first, second, *_ = copies(1)
    plain = labelled("1.png", safe=False)
    other = exempt_of(labelled("2.jpg", safe=False))
    done = built(tmp_path / "out", folder_of(tmp_path / "in", (first, plain), (second, other)))
    assert (len(done.samples), done.report.groups, done.report.disputed_pairs) == (2, 1, 0)


def decision(number: int, data: bytes, field: str, new: str) -> LabelEvent:
    return LabelEvent(
        id=f"e{number}",
        time=datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC),
        user="anna",
        image_sha256=sha256_of_bytes(data),
        field=LabelField(field),
        old=None,
        new=new,
        revealed=True,
        ms=700,
    )


def test_what_reviewers_decided_counts_before_anything_else(tmp_path: Path) -> None:
    """Both folders called the first image safe or not; the reviewer settles it. The second image nobody has."""
    shown, other = encoded(picture(1)), encoded(picture(2))
    one = folder_of(tmp_path / "a", (shown, labelled("1.png", "g")))
    two = folder_of(tmp_path / "b", (shown, labelled("1.png", "g", safe=False)))
    events = [decision(1, shown, "rating", "Unsafe"), decision(2, shown, "category", WEAPONS)]
    events.append(decision(3, other, "rating", "Safe"))
    report = Build(tmp_path / "out", HALF, events=events).run([one, two])
    (sample,) = SampleFolder(tmp_path / "out")
    assert (sample.rating, sample.category, sample.annotator) == (Rating.Unsafe, WEAPONS, "anna")
    assert report.reviewed is not None
    assert (report.reviewed.taken, report.reviewed.discarded[0].reason) == (2, "unknown_image")
    assert [(item.reason, item.rows) for item in report.rows.discarded] == [("same_label_again", 1)]


def test_variants_of_a_label_that_a_reviewer_changed_are_left_out_and_named(tmp_path: Path) -> None:
    data, other = encoded(picture(1)), encoded(picture(2))
    plain, kept = labelled("1.png", "g", safe=False), labelled("2.png", "h", safe=False)
    rows = ((data, plain), (data, exempt_of(plain)), (other, kept), (other, exempt_of(kept)))
    events = [decision(1, data, "rating", "Safe"), decision(2, other, "rationale", "A gun.")]
    report = Build(tmp_path / "out", HALF, events=events).run([folder_of(tmp_path / "in", *rows)])
    assert [(item.reason, item.rows) for item in report.rows.discarded] == [("outdated_variant", 1)]
    assert sorted(sample.augmented for sample in SampleFolder(tmp_path / "out")) == [False, False, True]


def test_an_image_may_be_asked_in_other_words_under_the_same_policy(tmp_path: Path) -> None:
    plain = labelled("1.png")
    words = WordingChanged(field="start_sentence", to="Judge this.")
    reworded = plain.model_copy(update={"changes": (words,)})
    rows = [(encoded(picture(1)), sample) for sample in (plain, reworded, reworded)]
    done = built(tmp_path / "out", folder_of(tmp_path / "in", *rows))
    assert [sample.changes for sample in done.samples] == [(), (words,)]
    assert done.reasons == {"same_label_again": 1}
    again = imported(tmp_path / "out", tmp_path / "again")
    assert len(again.samples) == 2
