"""The cache is where the user's desktop wants caches to be."""

from __future__ import annotations

from pathlib import Path

from tasks.ops.user_cache import user_cache


def test_the_cache_follows_the_xdg_rules():
    assert user_cache({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/imagemill")
    assert user_cache({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache/imagemill"
    assert user_cache({}) == Path.home() / ".cache/imagemill"
