from django.urls import path

from chat import http_socket, views

urlpatterns = [
    path("", views.home, name="home"),
    path("chat/", views.chat, name="chat"),
    path("chat/<str:thread_id>/", views.chat, name="thread"),
    path("api/threads/", views.threads, name="threads"),
    path("api/socket/", http_socket.open_socket, name="open_socket"),
    path("api/socket/<str:connection_id>/", http_socket.send_frames, name="send_frames"),
    path("api/files/", views.upload_file, name="upload_file"),
]
