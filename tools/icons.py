"""Makes the icons of an installed Netra from its logo, and the picture that links to it show.

Run it after the logo or its colour has changed, where chromium is: `python -m tools.icons`.
"""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import Page, async_playwright

STATIC: Final = Path(__file__).resolve().parent.parent / "netra" / "static" / "netra"
ICONS: Final = STATIC / "icons"
GROUND: Final = "#0c6b63"
SLOGAN: Final = "<h1>Netra</h1><h1>Agents that work for you.<br>Nothing said is lost.</h1>"
SHEET: Final = """<!doctype html><style>
* {{ margin: 0 }}
body {{ height: 100vh; display: flex; align-items: center; justify-content: center; gap: 48px;
  background: {ground}; color: #fff; font-family: system-ui, sans-serif }}
svg {{ width: {logo_px}px; height: {logo_px}px; flex: none }}
h1 {{ font-size: 52px; line-height: 1.25; letter-spacing: -0.02em }}
</style>{logo}<div>{words}</div>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`logo_px` is the logo's width; with a ground its own round corners go."""

    name: str
    width: int
    height: int
    logo_px: int
    ground: str = GROUND
    words: str = ""


PICTURES: Final = (
    Picture(name="icon-192", width=192, height=192, logo_px=192, ground="none"),
    Picture(name="icon-512", width=512, height=512, logo_px=512, ground="none"),
    # A mask may cut away all but a circle of 80 % (W3C Web Application Manifest, icon masks).
    Picture(name="maskable-192", width=192, height=192, logo_px=154),
    Picture(name="maskable-512", width=512, height=512, logo_px=410),
    Picture(name="apple-touch", width=180, height=180, logo_px=180),
    Picture(name="social", width=1200, height=630, logo_px=220, words=SLOGAN),
)


async def draw(page: Page, picture: Picture) -> None:
    logo = (STATIC / "logo.svg").read_text(encoding="utf-8")
    if picture.ground != "none":
        logo = logo.replace(' rx="9"', "", 1)
    words = picture.words
    gap = "" if words else "<style>div { display: none }</style>"
    await page.set_viewport_size({"width": picture.width, "height": picture.height})
    await page.set_content(
        SHEET.format(ground=picture.ground, logo_px=picture.logo_px, logo=logo, words=words) + gap
    )
    await page.screenshot(path=ICONS / f"{picture.name}.png", omit_background=True)


async def main() -> None:
    ICONS.mkdir(exist_ok=True)
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = await browser.new_page()
        for picture in PICTURES:
            await draw(page, picture)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
