"""HTTP below the routes: operations, requests and responses, and the API's own description."""
