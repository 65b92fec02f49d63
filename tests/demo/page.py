#!/usr/bin/env python3
"""Makes apps/demo/page.jpg: the demo's pictures at twice their size, each with its number and what it shows.

    pip install Pillow && tests/demo/page.py
"""
import os
import re

from PIL import Image, ImageDraw, ImageFont

FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "apps", "demo"))
COLUMNS, SIDE, CAPTION, GAP = 8, 128, 24, 8


def make_page(folder):
    """Of folder/digits, whose names end in what they show, to folder/page.jpg."""
    names = sorted(os.listdir(os.path.join(folder, "digits")))
    rows = -(-len(names) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * (SIDE + GAP) - GAP, rows * (SIDE + CAPTION)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    for i, name in enumerate(names):
        x, y = i % COLUMNS * (SIDE + GAP), i // COLUMNS * (SIDE + CAPTION)
        with Image.open(os.path.join(folder, "digits", name)) as picture:
            page.paste(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (x, y))
        number, truth = re.match(r"(\d+)_is_(\d)", name).groups()
        draw.text((x + SIDE / 2, y + SIDE + CAPTION / 2), f"{number} is {truth}", "black", font, anchor="mm")
    page.save(os.path.join(folder, "page.jpg"), quality=88, subsampling=0, optimize=True)


if __name__ == "__main__":
    make_page(FOLDER)
