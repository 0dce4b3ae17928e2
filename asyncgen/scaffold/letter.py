"""A document of Word as Markdown text, by way of a page of HTML."""

from typing import BinaryIO

import mammoth

from asyncgen.scaffold.page import page_as_markdown


def read_letter(stream: BinaryIO) -> str:
    without_pictures = mammoth.images.img_element(lambda _: {})
    return page_as_markdown(mammoth.convert_to_html(stream, convert_image=without_pictures).value)
