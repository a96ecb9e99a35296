"""Texts that would act if a table, page or terminal took them for more than text."""

from __future__ import annotations

HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "a|b", "<img src=x>", "![x](http://x)", "`rm`"]
