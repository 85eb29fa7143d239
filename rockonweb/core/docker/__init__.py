"""Docker's own terms: options of `docker run`, settings of the daemon, images, and the progress of a pull."""
