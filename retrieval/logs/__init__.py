"""Log lines to templates: what is constant, what varies, and how often each occurs."""
