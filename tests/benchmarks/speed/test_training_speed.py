import pytest

from benchmarks.speed.training_speed import compared, speeds


def test_speeds_are_images_over_seconds_of_jobs_that_take_turns():
    now, order = [0.0], []

    def job(name, count, seconds):
        def work():
            order.append(name)
            now[0] += seconds
            return count

        return work

    jobs = {"base": job("base", 10, 2.0), "other": job("other", 6, 0.5)}
    found = speeds(jobs, rounds=2, clock=lambda: now[0])
    assert found == {"base": [5.0, 5.0], "other": [12.0, 12.0]}
    assert order == ["base", "other"] * 3  # the first time is not counted


def test_ratios_are_those_of_the_same_round():
    found = {"base": [10.0, 20.0, 40.0], "other": [5.0, 40.0, 20.0]}
    base, other = compared(found, "base")
    assert base.ratio == 1.0 and base.images_per_second == 20.0
    assert other.ratio == 0.5  # of .5, 2 and .5
    assert other.images_per_second == pytest.approx(20.0)
