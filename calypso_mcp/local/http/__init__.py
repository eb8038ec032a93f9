"""HTTP below the routes: operations, requests and responses."""
