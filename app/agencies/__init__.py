"""Who may call: agencies, their clients and officers, and the tokens that name a purpose."""
