"""Who is asked, what is asked for, and what comes back."""
