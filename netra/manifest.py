"""Static files of a deployment: hashed names, compressed, each page's modules in one file."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final, TypedDict

from whitenoise.storage import CompressedManifestStaticFilesStorage

BUNDLES: Final = "bundle/bundles.json"


class Bundle(TypedDict):
    """One file made of several: its name, and the SHA-256 of each file it was made of."""

    file: str
    sources: Mapping[str, str]


class ManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped package
    """Also hashes the paths inside `import` statements, so that modules can be cached for ever.

    Where tools/bundle.py has bundled an entry, its name leads to the bundle, unless a source has
    changed since.
    """

    support_js_module_import_aggregation = True

    def save_manifest(self) -> None:
        self.hashed_files |= {
            entry: self.hashed_files[bundle["file"]]
            for entry, bundle in self._bundles().items()
            if bundle["file"] in self.hashed_files and self._is_fresh(bundle)
        }
        super().save_manifest()

    def _bundles(self) -> Mapping[str, Bundle]:
        # What an earlier call has collected is no longer meant once its source is away.
        if BUNDLES not in self.hashed_files:
            return {}
        with self.open(BUNDLES) as file:
            bundles: Mapping[str, Bundle] = json.load(file)
        return bundles

    def _is_fresh(self, bundle: Bundle) -> bool:
        return all(
            self.exists(name) and self._sha256(name) == known
            for name, known in bundle["sources"].items()
        )

    def _sha256(self, name: str) -> str:
        with self.open(name) as file:
            return hashlib.sha256(file.read()).hexdigest()
