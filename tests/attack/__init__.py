"""Attacks on a real server while another tenant asks on: nobody may stop, slow down, refuse or mislead that tenant."""
