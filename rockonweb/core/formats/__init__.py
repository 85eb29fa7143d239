"""Rock-ons in other formats: Docker Compose, a backup's file, the JSON of Rockstor's API."""
