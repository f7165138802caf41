"""Static files of a deployment: hashed names, compressed, imports of ES modules rewritten."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped package
    """Also hashes the paths inside `import` statements, so that modules can be cached for ever."""

    support_js_module_import_aggregation = True
