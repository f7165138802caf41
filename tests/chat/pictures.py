"""Images and PDFs as files, made here."""

from io import BytesIO
from typing import Final

from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

FORMATS: Final = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF"}


def picture(suffix: str = "png", size: tuple[int, int] = (64, 40), **options: object) -> bytes:
    """An image that Pillow made, half of it in another colour."""
    image = Image.new("RGB", size, (20, 90, 200))
    image.paste((230, 120, 30), (0, 0, size[0] // 2, size[1]))
    kept = BytesIO()
    image.save(kept, FORMATS[suffix], **options)
    return kept.getvalue()


def pdf(*pages: str, password: str = "") -> bytes:
    """A PDF with these lines of text, a page each; locked where there is a password."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for number, text in enumerate(pages):
        page = writer.add_blank_page(width=400, height=300)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        content = DecodedStreamObject()
        lines = "".join(f"({line}) Tj 0 -16 Td " for line in text.split("\n"))
        content.set_data(f"BT /F1 12 Tf 20 260 Td {lines}ET".encode())
        page[NameObject("/Contents")] = content
        writer.add_outline_item(title=f"Part {number + 1}", page_number=number)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    kept = BytesIO()
    writer.write(kept)
    return kept.getvalue()
