"""The tools, one documented function a file: a new file in this folder is a new tool."""

from importlib import import_module
from pkgutil import iter_modules

from chat.agents.tools.registry import registered

for _module in iter_modules(__path__, prefix=f"{__name__}."):
    import_module(_module.name)

TOOLS = registered()
