"""Every alarm by itself: what raises it, what does not, and advice that the command line understands."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest

from gansmith import auto
from gansmith.alarms.watch import Signs, Vitals, Watch
from gansmith.config import apply_settings
from gansmith.config.parts import part_names, parts
from gansmith.contracts import Augmentation, Survey
from gansmith.recipe import Recipe

WATCHES = {name: watch() for name, watch in parts(Watch, "gansmith.alarms").items()}  # type: ignore[type-abstract]
WELL = Vitals(
    gap=1.0, gradient=1.0, penalty_share=0.5, separation=0.95, loss_share=0.3, push=0.7, held_out_gap=0.1,
    diversity=0.95, diversity_within=0.6, duplicates=0.02, coverage=0.8, told_apart=0.8, copies=0.01, nearest_ratio=1.1,
    scored_coverage=0.8, scored_recall=0.6, scored_copies=0.01, frechet_rise=1.0,
)  # fmt: skip
LOW = Vitals(diversity=0.3, duplicates=0.2)

ILL: list[tuple[str, str, Signs]] = [  # alarm, severity, signs
    ("collapse", "alarm", Signs(Vitals(diversity=0.01, duplicates=1.0))),
    ("collapse", "warn", Signs(LOW, earlier=LOW)),
    ("collapse", "warn", Signs(Vitals(diversity=0.8, duplicates=0.95), earlier=Vitals(diversity=0.8, duplicates=0.95))),
    ("collapse", "warn", Signs(replace(WELL, coverage=0.35), best=WELL)),
    ("collapse", "warn", Signs(replace(WELL, diversity_within=0.3), earlier=replace(WELL, diversity_within=0.4))),
    ("collapse", "alarm", Signs(replace(WELL, scored_recall=0.1), best=WELL)),
    ("overfitting", "warn", Signs(replace(WELL, held_out_gap=0.6), best=WELL)),
    ("overfitting", "alarm", Signs(replace(WELL, held_out_gap=0.6, frechet_rise=1.5), best=WELL)),
    (
        "overfitting",
        "alarm",
        Signs(replace(WELL, held_out_gap=None, separation=0.99, coverage=0.5), best=WELL, epochs=50),
    ),
    ("discriminator_strong", "warn", Signs(replace(WELL, separation=1.0, loss_share=0.001))),
    ("discriminator_weak", "warn", Signs(replace(WELL, separation=0.0, loss_share=1.0, told_apart=0.99))),
    ("discriminator_weak", "warn", Signs(replace(WELL, separation=0.05, loss_share=None, told_apart=0.99))),
    ("discriminator_weak", "warn", Signs(replace(WELL, loss_share=0.9, told_apart=0.99, penalty_share=500.0))),
    ("vanishing", "alarm", Signs(replace(WELL, push=0.001))),
    ("vanishing", "alarm", Signs(replace(WELL, gradient=1e-4), best=WELL)),
    ("divergence", "alarm", Signs(replace(WELL, gap=-150.0))),
    ("divergence", "alarm", Signs(replace(WELL, gap=700.0), wasserstein=True, farthest=64.0)),
    ("memorization", "warn", Signs(replace(WELL, copies=0.2))),
    ("memorization", "alarm", Signs(replace(WELL, scored_copies=0.9))),
]  # fmt: skip
FINE: list[tuple[str, Signs]] = [
    ("collapse", Signs(LOW)),  # early: nothing to compare with yet
    ("collapse", Signs(LOW, earlier=Vitals(diversity=0.2, duplicates=0.2))),  # it improves
    (
        "collapse",
        Signs(Vitals(diversity=0.24, duplicates=1.0), earlier=Vitals(diversity=0.04, duplicates=1.0)),
    ),  # dcgan
    ("collapse", Signs(Vitals(coverage=0.05), best=Vitals(coverage=0.15))),  # never was good
    ("collapse", Signs(replace(WELL, diversity_within=0.2))),  # early
    ("collapse", Signs(replace(WELL, diversity_within=0.3), earlier=replace(WELL, diversity_within=0.2))),  # improves
    ("collapse", Signs(replace(WELL, diversity=0.9), best=replace(WELL, diversity=3.0))),  # noise is diverse, too
    ("overfitting", Signs(replace(WELL, held_out_gap=None, separation=1.0), best=WELL, epochs=50)),  # not worse
    (
        "overfitting",
        Signs(replace(WELL, held_out_gap=None, separation=1.0, frechet_rise=2.0), best=WELL, epochs=3),  # too early
    ),
    ("discriminator_strong", Signs(replace(WELL, separation=1.0, loss_share=0.2))),  # usual with R1 and R2
    ("discriminator_strong", Signs(replace(WELL, separation=1.0, loss_share=None))),  # a critic is meant to be
    ("discriminator_weak", Signs(replace(WELL, separation=0.0, loss_share=1.0, told_apart=0.6))),  # good samples
    ("vanishing", Signs(replace(WELL, push=0.001, separation=-0.9))),  # the discriminator's fault
    ("vanishing", Signs(replace(WELL, gradient=0.01), best=WELL)),
    ("divergence", Signs(replace(WELL, gap=600.0), wasserstein=True, farthest=64.0)),
    ("memorization", Signs(replace(WELL, copies=0.05))),
]


def test_all_seven_alarms_are_found() -> None:
    assert sorted(WATCHES) == [
        "collapse", "discriminator_strong", "discriminator_weak", "divergence", "memorization", "overfitting",
        "vanishing",
    ]  # fmt: skip
    assert {name for name, _, _ in ILL} == set(WATCHES)


@pytest.mark.parametrize(("name", "severity", "signs"), ILL)
def test_each_sign_raises_its_alarm(name: str, severity: str, signs: Signs) -> None:
    alarm = WATCHES[name].look(signs)
    assert alarm is not None
    assert alarm.severity == severity
    assert alarm.numbers
    assert alarm.seen.endswith(".")
    assert "look at" in alarm.remedy.lower() or "--" in alarm.remedy


@pytest.mark.parametrize(("name", "signs"), FINE)
def test_what_looks_alike_is_no_alarm(name: str, signs: Signs) -> None:
    assert WATCHES[name].look(signs) is None


@pytest.mark.parametrize("name", WATCHES)
def test_the_well_and_the_unmeasured_raise_nothing(name: str) -> None:
    for now in (WELL, Vitals()):
        for ease in (1.0, 0.8):
            assert WATCHES[name].look(Signs(now, earlier=now, best=now, samples_seen=10**6, epochs=100), ease) is None


@pytest.mark.parametrize("name", WATCHES)
def test_any_number_may_be_missing(name: str) -> None:
    for _, _, signs in (case for case in ILL if case[0] == name):
        for field in fields(Vitals):
            WATCHES[name].look(replace(signs, now=replace(signs.now, **{field.name: None})))


@pytest.mark.parametrize(
    ("name", "signs"),
    [
        ("collapse", Signs(Vitals(diversity=0.055, duplicates=1.0))),
        ("overfitting", Signs(Vitals(held_out_gap=0.45))),
        ("discriminator_strong", Signs(Vitals(separation=0.9, loss_share=0.01))),
        ("discriminator_weak", Signs(Vitals(told_apart=0.9, separation=0.0, loss_share=0.9))),
        ("vanishing", Signs(Vitals(push=0.011, separation=1.0))),
        ("divergence", Signs(Vitals(gap=90.0))),
        ("memorization", Signs(Vitals(copies=0.09))),
    ],
)
def test_an_open_alarm_is_cleared_later_than_it_is_raised(name: str, signs: Signs) -> None:
    assert WATCHES[name].look(signs) is None
    assert WATCHES[name].look(signs, ease=0.8) is not None


@pytest.mark.parametrize("name", ["overfitting", "memorization"])
def test_augmentation_is_advised_to_those_who_do_not_augment(name: str) -> None:
    signs = next(signs for found, _, signs in ILL if found == name)
    plain, augmented = (WATCHES[name].look(replace(signs, augmented=it)) for it in (False, True))
    assert plain is not None
    assert augmented is not None
    assert "augment" in plain.remedy
    assert "augment" not in augmented.remedy


def test_what_the_remedies_set_can_be_set() -> None:
    survey = Survey(1000, ((28, 28),), 1, {}, 0)
    table, _ = auto.choose(survey, (28, 28), 1, network="dcgan")  # which has all that remedies speak of
    table["data"] = {"name": "images", "path": "x"}
    found = 0
    for name, _, signs in ILL:
        alarm = WATCHES[name].look(signs)
        assert alarm is not None
        for setting in re.findall(r"--set (\S+[^\s.,;):])", alarm.remedy):
            if setting == "augment.name=ada" and "ada" not in part_names(Augmentation, "gansmith.augment"):  # type: ignore[type-abstract]
                continue
            Recipe.from_table(apply_settings(table, [setting]))
            found += 1
    assert found > 20
