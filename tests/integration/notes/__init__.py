"""Visits and their notes over a real database."""
