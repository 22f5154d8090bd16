"""Where rows come from: names and addresses, files and their formats, tables of lakes and servers."""
