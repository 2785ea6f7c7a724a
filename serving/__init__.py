"""What people and programs look at: the API over what the jobs have written."""
