"""Make the files that training starts from: raw data, arrays and initial weights."""
