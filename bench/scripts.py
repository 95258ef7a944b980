"""What an engineer would write by hand for the demo's twelve pages, one function a page.

Each gets a Playwright page at its start, reads the goal there, and does it. Known of each page: its
ids, classes and wording. These scripts are measured against, nothing learns from them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

Script = Callable[["Page"], Awaitable[None]]


async def goal_of(page: Page) -> str:
    """The goal as the page words it."""
    return await page.locator("#query").inner_text()


async def quoted(page: Page) -> list[str]:
    """The texts that the goal quotes."""
    return re.findall(r'"([^"]*)"', await goal_of(page))


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).first.click()


async def click_button(page: Page) -> None:
    [name] = await quoted(page)
    await press(page, name)


def _link(page: Page, text: str) -> Locator:
    whole = re.compile(rf"^{re.escape(text)}$")
    return page.locator(".alink").filter(has_text=whole, visible=True).first


async def click_tab_2(page: Page) -> None:
    [text] = await quoted(page)
    link = _link(page, text)
    for tab in await page.get_by_role("tab").all():
        await tab.click()
        if await link.count():
            return await link.click()


async def click_collapsible_2(page: Page) -> None:
    [text] = await quoted(page)
    link = _link(page, text)
    for header in await page.get_by_role("tab").all():
        await header.click()
        if await link.count():
            return await link.click()


async def _selected(page: Page, after: str) -> str:
    found = re.fullmatch(rf"Select (.*) {after} click Submit\.", await goal_of(page))
    assert found is not None
    return found[1]


async def click_option(page: Page) -> None:
    await page.get_by_label(await _selected(page, "and"), exact=True).check()
    await press(page, "Submit")


async def click_checkboxes(page: Page) -> None:
    wanted = await _selected(page, "and")
    for name in wanted.split(", ") if wanted != "nothing" else []:
        await page.get_by_label(name, exact=True).check()
    await press(page, "Submit")


async def choose_list(page: Page) -> None:
    wanted = await _selected(page, "from the list and")
    await page.get_by_role("combobox").select_option(label=wanted)
    await press(page, "Submit")


async def enter_text(page: Page) -> None:
    [text] = await quoted(page)
    await page.locator("#tt").fill(text)
    await press(page, "Submit")


async def login_user(page: Page) -> None:
    user, password = await quoted(page)
    await page.locator("#username").fill(user)
    await page.locator("#password").fill(password)
    await press(page, "Login")


async def login_user_popup(page: Page) -> None:
    user, password = await quoted(page)
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    for field, text in (("#username", user), ("#password", password)):
        # The popup comes at the first focus, and disables the field.
        await page.locator(field).focus()
        if await cancel.is_visible():
            await cancel.click()
        await page.locator(field).fill(text)
    await press(page, "OK")


async def search_engine(page: Page) -> None:
    text = (await quoted(page))[0]
    found = re.search(r"the (\d+)\w\w search result", await goal_of(page))
    assert found is not None
    turned, place = divmod(int(found[1]) - 1, 3)
    await page.locator("#search-text").fill(text)
    await press(page, "Search")
    if turned:
        await page.locator("#pagination").get_by_text(str(turned + 1), exact=True).click()
    await page.locator("#page-content a").nth(place).click()


async def email_inbox_delete(page: Page) -> None:
    found = re.search(r"the email by (.*) and click", await goal_of(page))
    assert found is not None
    sender = page.locator(".email-sender").filter(has_text=re.compile(rf"^{re.escape(found[1])}$"))
    row = page.locator(".email-thread").filter(has=sender).first
    await row.locator(".trash").click()


async def use_autocomplete(page: Page) -> None:
    start, *end = await quoted(page)
    await page.locator("#tags").fill(start)
    # The two may overlap: "Cub" and "Cuba".
    item = page.locator(".ui-menu-item").filter(has_text=re.compile(f"^{re.escape(start)}"))
    if end:
        item = item.filter(has_text=re.compile(f"{re.escape(end[0])}$"))
    await item.first.click()
    await press(page, "Submit")


SCRIPTS: dict[str, Script] = {
    "choose-list": choose_list,
    "click-button": click_button,
    "click-checkboxes": click_checkboxes,
    "click-collapsible-2": click_collapsible_2,
    "click-option": click_option,
    "click-tab-2": click_tab_2,
    "email-inbox-delete": email_inbox_delete,
    "enter-text": enter_text,
    "login-user": login_user,
    "login-user-popup": login_user_popup,
    "search-engine": search_engine,
    "use-autocomplete": use_autocomplete,
}
