"""The tools, one documented function a file; `chat.agents.toolbox` loads them all."""
