"""A browser of this machine, and how a person logs in to a service with it."""

import shutil

from playwright.sync_api import Page

from support.services import TOKEN

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
"""The path of Chromium; without it, Playwright's own is used."""


def log_in(page: Page) -> None:
    """Type the token, as a person does."""
    page.goto("/login")
    page.locator("input:focus").wait_for()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("/")
