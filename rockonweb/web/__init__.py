"""What the pages share: permission, wording, error pages, accounts and drafts."""
