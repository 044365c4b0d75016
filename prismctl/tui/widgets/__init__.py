"""What screens are built of; nothing here knows a resource of the gateway."""
