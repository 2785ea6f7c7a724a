"""The guided tour: a simulated market through the whole pipeline, and a report that checks itself."""
