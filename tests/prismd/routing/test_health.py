from prismd.routing.health import WINDOW_S, HealthBook


def test_counts_leave_the_window_and_the_last_error_stays() -> None:
    book = HealthBook()
    book.failed("p", error="boom", now_s=0.0, wall_s=1000.0)
    book.served("p", latency_ms=10.0, now_s=WINDOW_S / 2, wall_s=1150.0)
    health = book.of("p", WINDOW_S / 2)
    assert (health.ok, health.failed, health.success_ratio) == (1, 1, 0.5)
    later = book.of("p", WINDOW_S + 11.0)
    assert (later.ok, later.failed, later.state) == (1, 0, "healthy")
    assert (later.last_error, later.last_error_at_s) == ("boom", 1000.0)
    assert book.of("p", 3 * WINDOW_S).state == "idle"


def test_states() -> None:
    for ok, failed, state in [
        (0, 0, "idle"),
        (100, 0, "healthy"),
        (9, 1, "degraded"),
        (1, 2, "failing"),
    ]:
        book = HealthBook()
        for _ in range(ok):
            book.served("p", latency_ms=1.0, now_s=0.0, wall_s=0.0)
        for _ in range(failed):
            book.failed("p", error="x", now_s=0.0, wall_s=0.0)
        assert book.of("p", 0.0).state == state


def test_latency_is_smoothed() -> None:
    book = HealthBook()
    book.served("p", latency_ms=100.0, now_s=0.0, wall_s=0.0)
    book.served("p", latency_ms=200.0, now_s=0.0, wall_s=0.0)
    assert book.of("p", 0.0).latency_ewma_ms == 130.0
