"""Commands about the installation itself: trying it, checking it, registering it, repairing it."""
