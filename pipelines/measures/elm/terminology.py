"""Terminology of a run: value sets as sorted code keys, ready for a semi-join, made when first asked for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipelines.measures.elm.equality import key_of
from pipelines.measures.elm.packages import Package
from pipelines.measures.elm.texts import Texts


class Terminology:
    """The value sets of a package, by URL."""

    def __init__(self, package: Package, texts: Texts):
        self.package, self.texts = package, texts
        self.missing: set[str] = set()
        self._keys: dict[str, np.ndarray] = {}
        self._codes: dict[str, np.ndarray] = {}

    def keys(self, url: str) -> np.ndarray:
        """Sorted keys of its codes with their systems; empty (and noted as missing) when it is not there."""
        if url not in self._keys:
            found = self.package.value_set(url)
            if found is None:
                self.missing.add(url)
            pairs = found.codes if found else ()
            codes = self.texts.numbered(code for _, code in pairs)
            systems = self.texts.numbered(system for system, _ in pairs)
            self._keys[url] = np.unique(key_of(codes, systems))
            self._codes[url] = np.unique(codes)
        return self._keys[url]

    def load(self, urls: Iterable[str]) -> None:
        """Makes the keys of these value sets now."""
        for url in urls:
            self.keys(url)

    def forget(self, after: int) -> None:
        """Forgets the value sets whose texts come after the first so many."""
        for url in [url for url, codes in self._codes.items() if len(codes) and codes[-1] >= after]:
            del self._keys[url], self._codes[url]

    def codes(self, url: str) -> np.ndarray:
        """Sorted codes of it, whatever their system."""
        self.keys(url)
        return self._codes[url]


def members(keys: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Which keys are among `of` (sorted)."""
    if not len(of):
        return np.zeros(len(keys), bool)
    places = np.minimum(np.searchsorted(of, keys), len(of) - 1)
    return of[places] == keys
