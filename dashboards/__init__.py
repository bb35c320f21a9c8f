"""The web dashboard: pages, components and plots over `data_access`."""
