"""The blueprints of pages and API, one module or package per noun."""
