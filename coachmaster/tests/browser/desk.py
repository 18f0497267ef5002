"""What a clerk does at the desk, by the words on the pages."""

import re

from playwright.sync_api import expect


class Desk:
    def __init__(self, page):
        self.page = page
        page.goto("/")

    @property
    def main(self):
        return self.page.get_by_role("main")

    def menu(self, name):
        """Follow a link of the main navigation."""
        navigation = self.page.get_by_role("navigation", name="Main")
        navigation.get_by_role("link", name=name, exact=True).click()

    def find(self, text):
        """Type in the search box of every page, and choose the first student."""
        self.page.wait_for_load_state()  # then the box suggests students
        self.page.keyboard.press("/")
        box = self.page.get_by_label("Find a student").first
        box.fill(text)
        self.page.locator(".top-search a").first.click()
        expect(self.page.get_by_role("navigation", name="This student")).to_be_visible()

    def tab(self, name):
        tabs = self.page.get_by_role("navigation", name="This student")
        tabs.get_by_role("link", name=name, exact=True).click()

    def follow(self, *names):
        """Follow links by their text, one after the other."""
        for name in names:
            self.main.get_by_role("link", name=name, exact=True).first.click()

    def fill(self, **values):
        """Fill in fields by the name of their label, with spaces as underscores."""
        for label, value in values.items():
            self.field(label.replace("_", " ")).fill(value)

    def field(self, label):
        return self.main.get_by_label(re.compile(rf"^\s*{re.escape(label)}", re.IGNORECASE)).first

    def choose_batch(self, name):
        label = self.main.locator("option", has_text=name).first.inner_text()
        self.page.wait_for_load_state()  # then a choice shows its fees
        self.field("Batch").select_option(label=label)

    def press(self, name):
        self.main.get_by_role("button", name=name, exact=True).first.click()

    def told(self, text):
        """Expect a message at the top of the page."""
        expect(self.page.locator(".messages")).to_contain_text(text)

    def sees(self, *texts):
        for text in texts:
            try:
                expect(self.main).to_contain_text(text)
            except AssertionError:
                shown = " ".join(self.main.inner_text().split())
                raise AssertionError(f"“{text}” is not on the page: {shown}") from None

    def pay(self, amount="", *, mode="Cash", reference="", **more):
        """Fill in the form of a payment and send it."""
        if amount:
            self.fill(Amount=amount)
        self.main.get_by_label(mode, exact=True).check()
        if reference:
            self.fill(Reference=reference)
        self.fill(**more)
        self.press("Record payment")
