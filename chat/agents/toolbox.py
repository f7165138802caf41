"""All tools: a new file in the folder `tools` is a new tool."""

from importlib import import_module
from pkgutil import iter_modules

from chat.agents import tools
from chat.agents.tools.registry import registered

for _module in iter_modules(tools.__path__, prefix=f"{tools.__name__}."):
    import_module(_module.name)

TOOLS = registered()
