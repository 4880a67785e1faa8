"""The service in a browser: pages made on the server, small scripts of our own, nothing from elsewhere."""
