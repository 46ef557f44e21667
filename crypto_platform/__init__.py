"""A crypto market data platform: every answer kept, one checked and unified price history."""
