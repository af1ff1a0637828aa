"""Your own functions: every module in this folder is imported, every `@function` in it can be called by its name."""
