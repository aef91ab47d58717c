"""The live page in a real Chromium: `finding` finds one, `chromium` starts it, `pages` serves it pages."""
